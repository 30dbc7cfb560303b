// The vendor's Java SDKs of Alibaba's management API, called by operation and wire names.
//
// One JSON request a line comes in, one JSON answer a line goes out:
//
//	{"endpoint", "id", "secret", "client", "call", "given"} -> {"held"} or {"refused"} or {"error"}
//	{"call": "operations", "client"}                         -> {"held": [the SDK's operations, in lower case]}
//
// `client` is "tea" (iot20180120), "core" (aliyun-java-sdk-iot, in the format "JSON" or "XML" that `format` says) or
// "common" (CommonRequest of its core, which has no types). `held` is the answer: of tea as the wire names its members,
// of core the values alone, for it names and nests them otherwise. A parameter that a typed request has not is an error.

import com.aliyun.tea.TeaException;
import com.aliyun.tea.TeaModel;
import com.aliyun.teaopenapi.models.Config;
import com.aliyuncs.AcsRequest;
import com.aliyuncs.AcsResponse;
import com.aliyuncs.CommonRequest;
import com.aliyuncs.DefaultAcsClient;
import com.aliyuncs.exceptions.ClientException;
import com.aliyuncs.http.FormatType;
import com.aliyuncs.http.ProtocolType;
import com.aliyuncs.profile.DefaultProfile;
import com.google.gson.Gson;
import com.google.gson.GsonBuilder;
import com.google.gson.ToNumberPolicy;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.lang.reflect.InvocationTargetException;
import java.lang.reflect.Method;
import java.lang.reflect.ParameterizedType;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Map;
import java.util.TreeMap;

public final class Main {
    private static final Gson JSON = new GsonBuilder().setObjectToNumberStrategy(ToNumberPolicy.LONG_OR_DOUBLE)
        .disableHtmlEscaping().create();
    private static final String CORE = "com.aliyuncs.iot.model.v20180120.";
    private static final Map<String, Method> TEA = operations();

    public static void main(String[] arguments) throws IOException {
        PrintStream out = System.out;
        System.setOut(System.err); // whatever an SDK prints goes there
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            out.write((JSON.toJson(answered(line)) + "\n").getBytes(StandardCharsets.UTF_8));
            out.flush();
        }
    }

    @SuppressWarnings("unchecked")
    private static Map<String, Object> answered(String line) {
        Map<String, Object> asked = JSON.fromJson(line, Map.class);
        String call = (String) asked.get("call");
        if (call.equals("operations")) {
            return Map.of("held", TEA.keySet());
        }
        try {
            Map<String, Object> given = (Map<String, Object>) asked.get("given");
            return Map.of("held", switch ((String) asked.get("client")) {
                case "core" -> core(asked, call, given);
                case "common" -> common(asked, call, given);
                default -> tea(asked, call, given);
            });
        } catch (TeaException told) {
            return refused(told.getStatusCode(), told.getCode(), told.getMessage());
        } catch (ClientException told) {
            // It knows no status of HTTP, and has a word of its own for a refused signature that it made as the server did.
            String code = String.valueOf(told.getErrCode());
            if (code.equals("SDK.InvalidAccessKeySecret")) {
                return refused(0, "SignatureDoesNotMatch", told.getErrMsg());
            }
            return code.startsWith("SDK.") ? Map.of("error", String.valueOf(told)) : refused(0, code, told.getErrMsg());
        } catch (Throwable thrown) {
            Throwable cause = thrown instanceof InvocationTargetException ? thrown.getCause() : thrown;
            return Map.of("error", cause + " " + Arrays.toString(cause.getStackTrace()));
        }
    }

    private static Map<String, Object> refused(int status, String code, String message) {
        return Map.of("refused", Map.of("status", status, "code", String.valueOf(code), "message", String.valueOf(message)));
    }

    // --- tea ---

    private static Map<String, Method> operations() {
        Map<String, Method> found = new TreeMap<>();
        for (Method each : com.aliyun.iot20180120.Client.class.getMethods()) {
            Class<?>[] takes = each.getParameterTypes();
            if (takes.length == 1 && takes[0].getSimpleName().equalsIgnoreCase(each.getName() + "Request")) {
                found.put(each.getName().toLowerCase(), each);
            }
        }
        return found;
    }

    private static Object tea(Map<String, Object> asked, String call, Map<String, Object> given) throws Throwable {
        Method method = TEA.get(call.toLowerCase());
        if (method == null) {
            throw new IllegalArgumentException("the SDK has no " + call);
        }
        TeaModel request = (TeaModel) method.getParameterTypes()[0].getConstructor().newInstance();
        TeaModel.toModel(given, request);
        for (String name : given.keySet()) {
            if (request.toMap().get(name) == null) {
                throw new IllegalArgumentException("the SDK's " + call + " has no " + name);
            }
        }
        com.aliyun.iot20180120.Client client = new com.aliyun.iot20180120.Client(new Config()
            .setAccessKeyId((String) asked.get("id")).setAccessKeySecret((String) asked.get("secret"))
            .setEndpoint((String) asked.get("endpoint")).setProtocol("HTTP"));
        try {
            Object response = method.invoke(client, request);
            return ((TeaModel) response.getClass().getField("body").get(response)).toMap();
        } catch (InvocationTargetException thrown) {
            throw thrown.getCause();
        }
    }

    // --- core ---

    private static Object core(Map<String, Object> asked, String call, Map<String, Object> given) throws Exception {
        AcsRequest<?> request = (AcsRequest<?>) Class.forName(CORE + call + "Request").getConstructor().newInstance();
        for (Map.Entry<String, Object> each : given.entrySet()) {
            set(request, each.getKey(), each.getValue());
        }
        request.setSysEndpoint((String) asked.get("endpoint"));
        request.setSysProtocol(ProtocolType.HTTP);
        request.setSysAcceptFormat(FormatType.valueOf((String) asked.get("format")));
        DefaultAcsClient client = client(asked);
        try {
            List<String> values = new ArrayList<>();
            values(client.getAcsResponse(request), values);
            return values;
        } finally {
            client.shutdown();
        }
    }

    private static Object common(Map<String, Object> asked, String call, Map<String, Object> given) throws Exception {
        CommonRequest request = new CommonRequest();
        request.setSysDomain((String) asked.get("endpoint"));
        request.setSysProtocol(ProtocolType.HTTP);
        request.setSysVersion("2018-01-20");
        request.setSysAction(call);
        for (Map.Entry<String, Object> each : given.entrySet()) {
            put(request, each.getKey(), each.getValue());
        }
        DefaultAcsClient client = client(asked);
        try {
            return JSON.fromJson(client.getCommonResponse(request).getData(), Map.class);
        } finally {
            client.shutdown();
        }
    }

    private static void put(CommonRequest request, String name, Object value) {
        if (value instanceof List<?> several) {
            for (int place = 0; place < several.size(); place++) {
                put(request, name + "." + (place + 1), several.get(place));
            }
        } else if (value instanceof Map<?, ?> members) {
            members.forEach((member, each) -> put(request, name + "." + member, each));
        } else {
            request.putQueryParameter(name, String.valueOf(value));
        }
    }

    private static DefaultAcsClient client(Map<String, Object> asked) {
        return new DefaultAcsClient(
            DefaultProfile.getProfile("cn-shanghai", (String) asked.get("id"), (String) asked.get("secret")));
    }

    // By the setter of that name, whose lists are in the plural; members of structs alike.
    private static void set(Object owner, String name, Object value) throws Exception {
        for (Method each : owner.getClass().getMethods()) {
            boolean isPlural = value instanceof List && each.getName().equals("set" + name + "s");
            if (each.getParameterCount() == 1 && (isPlural || each.getName().equals("set" + name))) {
                each.invoke(owner, typed(value, each));
                return;
            }
        }
        throw new IllegalArgumentException("the SDK's " + owner.getClass().getSimpleName() + " has no " + name);
    }

    private static Object typed(Object value, Method setter) throws Exception {
        Class<?> wanted = setter.getParameterTypes()[0];
        if (value instanceof List<?> values) {
            if (!(setter.getGenericParameterTypes()[0] instanceof ParameterizedType of)) {
                throw new IllegalArgumentException(setter + " takes no list");
            }
            Class<?> kind = (Class<?>) of.getActualTypeArguments()[0];
            List<Object> made = new ArrayList<>();
            for (Object each : values) {
                made.add(each instanceof Map<?, ?> members ? struct(members, kind) : scalar(each, kind));
            }
            return made;
        }
        return scalar(value, wanted);
    }

    private static Object struct(Map<?, ?> members, Class<?> kind) throws Exception {
        Object made = kind.getConstructor().newInstance();
        for (Map.Entry<?, ?> each : members.entrySet()) {
            set(made, (String) each.getKey(), each.getValue());
        }
        return made;
    }

    private static Object scalar(Object value, Class<?> wanted) {
        if (wanted == String.class) {
            return String.valueOf(value);
        }
        if (wanted == Boolean.class) {
            return Boolean.valueOf(String.valueOf(value));
        }
        if (wanted == Integer.class) {
            return Integer.valueOf(String.valueOf(value));
        }
        return wanted == Long.class ? (Object) Long.valueOf(String.valueOf(value)) : value;
    }

    private static void values(Object told, List<String> found) throws Exception {
        if (told == null) {
            return;
        }
        if (told instanceof List<?> several) {
            for (Object each : several) {
                values(each, found);
            }
        } else if (told.getClass().getName().startsWith("com.aliyuncs.")) {
            for (Method each : told.getClass().getMethods()) {
                boolean isOwn = each.getName().startsWith("get") && each.getParameterCount() == 0
                    && each.getDeclaringClass() == told.getClass() && !each.getName().endsWith("BizSuccess")
                    && each.getReturnType() != Class.class && !AcsResponse.class.isAssignableFrom(each.getReturnType());
                if (isOwn && !each.getName().equals("getInstance")) {
                    values(each.invoke(told), found);
                }
            }
        } else {
            found.add(String.valueOf(told));
        }
    }
}
