// The vendor's Java SDK of Huawei's management API, called by the names of its methods.
//
// One JSON request a line comes in, one JSON answer a line goes out:
//
//	{"endpoint", "id", "secret", "project", "derived", "call", "given"}
//	  -> {"held", "sent", "status"} or {"refused"} or {"error"}
//	{"call": "operations"} -> {"held": [the names of the SDK's methods]}
//
// Without a "project" the SDK asks IAM for it, at the same endpoint.
// `given` is the SDK's request by its own JSON names, path, query and body alike; a file is its path. `held` is its typed
// response, written as JSON, and `sent` the body that the server sent. A member that the SDK's request has not is an error.

import com.fasterxml.jackson.core.JsonParser;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.databind.DeserializationContext;
import com.fasterxml.jackson.databind.DeserializationFeature;
import com.fasterxml.jackson.databind.JsonDeserializer;
import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.module.SimpleModule;
import com.fasterxml.jackson.databind.node.ObjectNode;
import com.huaweicloud.sdk.core.HttpListener;
import com.huaweicloud.sdk.core.SdkResponse;
import com.huaweicloud.sdk.core.auth.AbstractCredentials;
import com.huaweicloud.sdk.core.auth.BasicCredentials;
import com.huaweicloud.sdk.core.exception.ServiceResponseException;
import com.huaweicloud.sdk.core.http.FormDataFilePart;
import com.huaweicloud.sdk.core.http.HttpConfig;
import com.huaweicloud.sdk.core.region.Region;
import com.huaweicloud.sdk.core.utils.JsonUtils;
import com.huaweicloud.sdk.iotda.v5.IoTDAClient;
import java.io.BufferedReader;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.nio.charset.StandardCharsets;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.concurrent.atomic.AtomicReference;
import java.util.function.Predicate;

public final class Main {
    private static final String REGION = "here-north-1";
    private static final Predicate<Method> IS_OPERATION =
        method -> method.getParameterCount() == 1 && SdkResponse.class.isAssignableFrom(method.getReturnType());

    // As the SDK reads and writes, but that a request's unknown members are errors.
    private static final ObjectMapper REQUESTS = JsonUtils.getDefaultMapper().copy()
        .enable(DeserializationFeature.FAIL_ON_UNKNOWN_PROPERTIES)
        .registerModule(new SimpleModule().addDeserializer(FormDataFilePart.class, new Files()));
    private static final ObjectMapper RESPONSES = JsonUtils.getDefaultMapper().copy();

    private static final class Files extends JsonDeserializer<FormDataFilePart> {
        @Override
        public FormDataFilePart deserialize(JsonParser parser, DeserializationContext context) throws IOException {
            String path = parser.getText();
            return new FormDataFilePart(new FileInputStream(path), path.substring(path.lastIndexOf('/') + 1));
        }
    }

    public static void main(String[] arguments) throws IOException {
        PrintStream out = System.out;
        System.setOut(System.err); // the SDK's log goes there
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            out.write((answered(line) + "\n").getBytes(StandardCharsets.UTF_8));
            out.flush();
        }
    }

    private static String answered(String line) throws JsonProcessingException {
        Object answer;
        try {
            JsonNode asked = RESPONSES.readTree(line);
            answer = asked.get("call").asText().equals("operations") ? Map.of("held", operations()) : call(asked);
        } catch (ServiceResponseException told) {
            answer = Map.of("refused", Map.of(
                "status", told.getHttpStatusCode(), "code", String.valueOf(told.getErrorCode()),
                "message", String.valueOf(told.getErrorMsg()), "request", String.valueOf(told.getRequestId())));
        } catch (ReflectiveOperationException | IOException | RuntimeException fault) {
            answer = Map.of("error", fault.toString());
        }
        return RESPONSES.writeValueAsString(answer);
    }

    private static List<String> operations() {
        return Arrays.stream(IoTDAClient.class.getMethods()).filter(IS_OPERATION).map(Method::getName).toList();
    }

    /** The SDK's method on its own request. */
    private static JsonNode call(JsonNode asked) throws ReflectiveOperationException, IOException {
        String name = asked.get("call").asText();
        Method method = Arrays.stream(IoTDAClient.class.getMethods())
            .filter(IS_OPERATION.and(each -> each.getName().equals(name))).findAny()
            .orElseThrow(() -> new NoSuchMethodException(name));
        AtomicReference<String> sent = new AtomicReference<>("");
        IoTDAClient client = client(asked, sent);
        Object request = REQUESTS.treeToValue(asked.get("given"), method.getParameterTypes()[0]);
        SdkResponse response;
        try {
            response = (SdkResponse) method.invoke(client, request);
        } catch (InvocationTargetException fault) {
            if (fault.getCause() instanceof RuntimeException cause) {
                throw cause;
            }
            throw fault;
        }
        ObjectNode answer = RESPONSES.createObjectNode().put("status", response.getHttpStatusCode());
        answer.set("held", held(response));
        if (!sent.get().isEmpty()) {
            answer.set("sent", RESPONSES.readTree(sent.get()));
        }
        return answer;
    }

    private static JsonNode held(SdkResponse response) {
        ObjectNode held = RESPONSES.valueToTree(response);
        held.remove("httpStatusCode");
        return held;
    }

    private static IoTDAClient client(JsonNode asked, AtomicReference<String> sent) {
        BasicCredentials keys = new BasicCredentials()
            .withAk(asked.get("id").asText()).withSk(asked.get("secret").asText());
        if (asked.hasNonNull("project")) {
            keys.withProjectId(asked.get("project").asText());
        } else {
            keys.withIamEndpoint("http://" + asked.get("endpoint").asText());
        }
        if (asked.get("derived").asBoolean()) {
            keys.withDerivedPredicate(AbstractCredentials.DEFAULT_DERIVED_PREDICATE);
        }
        // What is required is for the server to say.
        HttpConfig config = HttpConfig.getDefaultHttpConfig().withIgnoreRequiredValidation(true).addHttpListener(
            HttpListener.forResponseListener(told -> sent.set(told.body().orElse(""))));
        return IoTDAClient.newBuilder().withCredential(keys).withHttpConfig(config)
            .withRegion(new Region(REGION, "http://" + asked.get("endpoint").asText())).build();
    }
}
