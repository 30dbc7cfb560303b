// The vendor's Go SDK of Alibaba's management API, called by operation and wire names.
//
// One JSON request a line comes in, one JSON answer a line goes out:
//
//	{"endpoint", "id", "secret", "format", "call", "given"} -> {"held"} or {"refused"} or {"error"}
//	{"call": "operations"} -> {"held": [the SDK's methods that are in the table]}
//
// `held` is the SDK's typed response, written as JSON by its own names. A parameter that the SDK's request has not is
// an error, as is an answer that the SDK can't parse.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"reflect"
	"sort"

	"github.com/aliyun/alibaba-cloud-sdk-go/sdk"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/auth/credentials"
	sdkerrors "github.com/aliyun/alibaba-cloud-sdk-go/sdk/errors"
	"github.com/aliyun/alibaba-cloud-sdk-go/sdk/requests"
	"github.com/aliyun/alibaba-cloud-sdk-go/services/iot"
)

const (
	region      = "cn-shanghai"
	lineSizeMax = 16 << 20 // bytes
)

type question struct {
	Endpoint, Id, Secret, Format, Call string
	Given                              map[string]any
}

type refusal struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
}

type answer struct {
	Held    any      `json:"held,omitempty"`
	Refused *refusal `json:"refused,omitempty"`
	Error   string   `json:"error,omitempty"`
}

func main() {
	lines := bufio.NewScanner(os.Stdin)
	lines.Buffer(nil, lineSizeMax)
	out := json.NewEncoder(os.Stdout)
	for lines.Scan() {
		if err := out.Encode(answered(lines.Bytes())); err != nil {
			fmt.Fprintln(os.Stderr, err)
			os.Exit(1)
		}
	}
}

func answered(line []byte) answer {
	var asked question
	exact := json.NewDecoder(bytes.NewReader(line))
	exact.UseNumber()
	if err := exact.Decode(&asked); err != nil {
		return answer{Error: err.Error()}
	}
	if asked.Call == "operations" {
		return answer{Held: operations()}
	}
	held, err := call(asked)
	var told *sdkerrors.ServerError
	if errors.As(err, &told) {
		return answer{Refused: &refusal{Status: told.HttpStatus(), Code: told.ErrorCode(), Message: told.Message()}}
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Held: held}
}

// operations are those that the SDK has a method for and the table a constructor.
func operations() []string {
	names := []string{}
	for name := range constructors {
		if reflect.ValueOf(&iot.Client{}).MethodByName(name).IsValid() {
			names = append(names, name)
		}
	}
	sort.Strings(names)
	return names
}

// call is the SDK's method on its own request.
func call(asked question) (any, error) {
	constructor, found := constructors[asked.Call]
	if !found {
		return nil, fmt.Errorf("%s is not in operations.go", asked.Call)
	}
	config := sdk.NewConfig().WithScheme("HTTP").WithAutoRetry(false)
	client, err := iot.NewClientWithOptions(region, config, credentials.NewAccessKeyCredential(asked.Id, asked.Secret))
	if err != nil {
		return nil, err
	}
	request := reflect.ValueOf(constructor).Call(nil)[0]
	request.Interface().(requests.AcsRequest).SetDomain(asked.Endpoint)
	request.Elem().FieldByName("AcceptFormat").SetString(asked.Format)
	if err := fill(request.Elem(), asked.Given); err != nil {
		return nil, fmt.Errorf("%s: %w", asked.Call, err)
	}
	told := reflect.ValueOf(client).MethodByName(asked.Call).Call([]reflect.Value{request})
	if err, failed := told[1].Interface().(error); failed {
		return nil, err
	}
	return told[0].Interface(), nil
}

// fill sets the fields of a request, or of a struct in it, by their wire names.
func fill(target reflect.Value, given map[string]any) error {
	fields := map[string]reflect.Value{}
	for place := 0; place < target.NumField(); place++ {
		if name, named := target.Type().Field(place).Tag.Lookup("name"); named {
			fields[name] = target.Field(place)
		}
	}
	for name, value := range given {
		field, found := fields[name]
		if !found {
			return fmt.Errorf("the SDK's %s has no %s", target.Type().Name(), name)
		}
		if err := set(field, value); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

func set(field reflect.Value, value any) error {
	switch kind := field.Kind(); kind {
	case reflect.Pointer:
		field.Set(reflect.New(field.Type().Elem()))
		return set(field.Elem(), value)
	case reflect.String: // Integer and Boolean of the SDK are strings too
		field.SetString(fmt.Sprint(value)) // "5" is what requests.NewInteger(5) gives
		return nil
	case reflect.Struct:
		members, ok := value.(map[string]any)
		if !ok {
			return fmt.Errorf("%v is no struct", value)
		}
		return fill(field, members)
	case reflect.Slice:
		values, ok := value.([]any)
		if !ok {
			return fmt.Errorf("%v is no list", value)
		}
		field.Set(reflect.MakeSlice(field.Type(), len(values), len(values)))
		for place, each := range values {
			if err := set(field.Index(place), each); err != nil {
				return err
			}
		}
		return nil
	default:
		return fmt.Errorf("a field of kind %s", kind)
	}
}
