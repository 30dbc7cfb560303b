// The vendor's Go SDK of Huawei's management API, called by the names of its methods.
//
// One JSON request a line comes in, one JSON answer a line goes out:
//
//	{"endpoint", "id", "secret", "project", "derived", "call", "given"}
//	  -> {"held", "sent", "status"} or {"refused"} or {"error"}
//	{"call": "operations"} -> {"held": [the names of the SDK's methods]}
//
// Without a "project" the SDK asks IAM for it, at the same endpoint.
// `given` is the SDK's request by its own JSON names, path, query and body alike. `held` is its typed response, written
// as JSON, and `sent` the body that the server sent. A member that the SDK's request has not is an error.
package main

import (
	"bufio"
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"reflect"
	"strings"

	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/auth/basic"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/config"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/region"
	"github.com/huaweicloud/huaweicloud-sdk-go-v3/core/sdkerr"
	iotda "github.com/huaweicloud/huaweicloud-sdk-go-v3/services/iotda/v5"
)

const (
	regionID    = "here-north-1"
	lineSizeMax = 16 << 20 // bytes
)

type question struct {
	Endpoint, Id, Secret, Project, Call string
	Derived                             bool
	Given                               json.RawMessage
}

type refusal struct {
	Status  int    `json:"status"`
	Code    string `json:"code"`
	Message string `json:"message"`
	Request string `json:"request"`
}

type answer struct {
	Held    any             `json:"held,omitempty"`
	Sent    json.RawMessage `json:"sent,omitempty"`
	Status  int             `json:"status,omitempty"`
	Refused *refusal        `json:"refused,omitempty"`
	Error   string          `json:"error,omitempty"`
}

// recorder keeps status and body of the last response.
type recorder struct {
	status int
	body   []byte
}

func (r *recorder) RoundTrip(request *http.Request) (*http.Response, error) {
	response, err := http.DefaultTransport.RoundTrip(request)
	if err != nil {
		return nil, err
	}
	r.status = response.StatusCode
	r.body, err = io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	response.Body = io.NopCloser(bytes.NewReader(r.body))
	return response, nil
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
	if err := json.Unmarshal(line, &asked); err != nil {
		return answer{Error: err.Error()}
	}
	if asked.Call == "operations" {
		return answer{Held: operations()}
	}
	wire := &recorder{}
	held, err := call(asked, wire)
	var told *sdkerr.ServiceResponseError
	if errors.As(err, &told) {
		return answer{Refused: &refusal{told.StatusCode, told.ErrorCode, told.ErrorMessage, told.RequestId}}
	}
	if err != nil {
		return answer{Error: err.Error()}
	}
	return answer{Held: held, Sent: wire.body, Status: wire.status}
}

// operations are the SDK's methods that take a request and give its response.
func operations() []string {
	client, names := reflect.TypeOf(&iotda.IoTDAClient{}), []string{}
	for place := 0; place < client.NumMethod(); place++ {
		if name := client.Method(place).Name; !strings.HasSuffix(name, "Invoker") {
			names = append(names, name)
		}
	}
	return names
}

// call is the SDK's method on its own request; the response as JSON.
func call(asked question, wire *recorder) (json.RawMessage, error) {
	client, err := newClient(asked, wire)
	if err != nil {
		return nil, err
	}
	method := reflect.ValueOf(client).MethodByName(asked.Call)
	if !method.IsValid() {
		return nil, fmt.Errorf("the SDK has no method %s", asked.Call)
	}
	request := reflect.New(method.Type().In(0).Elem())
	given := json.NewDecoder(bytes.NewReader(asked.Given))
	given.DisallowUnknownFields()
	if err := given.Decode(request.Interface()); err != nil {
		return nil, fmt.Errorf("%s: %w", asked.Call, err)
	}
	told := method.Call([]reflect.Value{request})
	if err, failed := told[1].Interface().(error); failed {
		return nil, err
	}
	return json.Marshal(told[0].Interface()) // the SDK's own way leaves empty lists out
}

func newClient(asked question, wire *recorder) (*iotda.IoTDAClient, error) {
	keys := basic.NewCredentialsBuilder().WithAk(asked.Id).WithSk(asked.Secret).WithProjectId(asked.Project)
	if asked.Project == "" {
		keys = keys.WithIamEndpointOverride("http://" + asked.Endpoint)
	}
	if asked.Derived {
		keys = keys.WithDerivedPredicate(auth.GetDefaultDerivedPredicate())
	}
	credentials, err := keys.SafeBuild()
	if err != nil {
		return nil, err
	}
	builder := iotda.IoTDAClientBuilder().
		WithCredential(credentials).
		WithRegion(region.NewRegion(regionID, "http://"+asked.Endpoint)).
		WithHttpConfig(config.DefaultHttpConfig().WithHttpRoundTripper(wire))
	client, err := builder.SafeBuild()
	if err != nil {
		return nil, err
	}
	return iotda.NewIoTDAClient(client), nil
}
