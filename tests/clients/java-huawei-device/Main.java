// A device of the vendor's Java SDK, unmodified, told what to do line by line; one JSON line says each thing that
// happened. It ends when its standard input does.
//
// Its only argument is JSON: {"url", "id", "secret", "version", "ca", "stamp", "gateway", "waits", "aside"}. `url` is
// tcp:// or ssl://, `ca` the file of the certificates that it trusts, `stamp` the SDK's checkStamp. A gateway answers for
// what is behind it, whose versions are `version` too. One that `waits` installs when it is told {"call": "install"}, by
// the SDK's own thread, which then handles nothing else, or `aside`, as the vendor's sample does; one that was told to
// "fail" reports that code instead. The other calls are in `asked` below.
//
// The SDK has no download of its own; the one here is by OkHttp, which its vendor's samples use, with the CA's file.

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.huaweicloud.sdk.iot.device.IoTDevice;
import com.huaweicloud.sdk.iot.device.client.ClientConf;
import com.huaweicloud.sdk.iot.device.client.DeviceClient;
import com.huaweicloud.sdk.iot.device.client.IotResult;
import com.huaweicloud.sdk.iot.device.client.requests.Command;
import com.huaweicloud.sdk.iot.device.client.requests.CommandRsp;
import com.huaweicloud.sdk.iot.device.client.requests.CommandRspV3;
import com.huaweicloud.sdk.iot.device.client.requests.DeviceEvent;
import com.huaweicloud.sdk.iot.device.client.requests.DeviceMessage;
import com.huaweicloud.sdk.iot.device.client.requests.DevicePropertiesV3;
import com.huaweicloud.sdk.iot.device.client.requests.PropsGet;
import com.huaweicloud.sdk.iot.device.client.requests.PropsSet;
import com.huaweicloud.sdk.iot.device.client.requests.ServiceProperty;
import com.huaweicloud.sdk.iot.device.client.requests.ShadowRequest;
import com.huaweicloud.sdk.iot.device.filemanager.request.OpFileStatusRequest;
import com.huaweicloud.sdk.iot.device.filemanager.request.UrlRequest;
import com.huaweicloud.sdk.iot.device.gateway.AbstractGateway;
import com.huaweicloud.sdk.iot.device.gateway.GtwOperateSubDeviceListener;
import com.huaweicloud.sdk.iot.device.gateway.SubDevicesPersistence;
import com.huaweicloud.sdk.iot.device.gateway.requests.AddedSubDeviceInfo;
import com.huaweicloud.sdk.iot.device.gateway.requests.DeviceInfo;
import com.huaweicloud.sdk.iot.device.gateway.requests.DeviceProperty;
import com.huaweicloud.sdk.iot.device.gateway.requests.GtwAddSubDeviceRsp;
import com.huaweicloud.sdk.iot.device.gateway.requests.GtwDelSubDeviceRsp;
import com.huaweicloud.sdk.iot.device.gateway.requests.SubDevicesInfo;
import com.huaweicloud.sdk.iot.device.ota.OTAListener;
import com.huaweicloud.sdk.iot.device.ota.OTAPackage;
import com.huaweicloud.sdk.iot.device.ota.OTAPackageV2;
import com.huaweicloud.sdk.iot.device.ota.OTAQueryInfo;
import com.huaweicloud.sdk.iot.device.ota.OTAService;
import com.huaweicloud.sdk.iot.device.service.AbstractService;
import com.huaweicloud.sdk.iot.device.transport.ActionListener;
import com.huaweicloud.sdk.iot.device.transport.ConnectListener;
import com.huaweicloud.sdk.iot.device.transport.RawMessage;
import com.huaweicloud.sdk.iot.device.utils.IotUtil;
import com.huaweicloud.sdk.iot.device.utils.JsonUtil;
import java.io.BufferedReader;
import java.io.File;
import java.io.FileInputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.InputStreamReader;
import java.io.PrintStream;
import java.nio.charset.StandardCharsets;
import java.security.GeneralSecurityException;
import java.security.KeyStore;
import java.security.MessageDigest;
import java.security.cert.CertificateFactory;
import java.util.HashMap;
import java.util.HexFormat;
import java.util.List;
import java.util.Map;
import java.util.concurrent.ExecutorService;
import java.util.concurrent.Executors;
import java.util.concurrent.Semaphore;
import java.util.concurrent.TimeUnit;
import javax.net.ssl.SSLContext;
import javax.net.ssl.TrustManagerFactory;
import javax.net.ssl.X509TrustManager;
import okhttp3.OkHttpClient;
import okhttp3.Request;
import okhttp3.Response;

public final class Main {
    private static final ObjectMapper JSON = new ObjectMapper();
    private static final PrintStream OUT = System.out;
    private static final int READ_S = 600;

    private final JsonNode given;
    private final Map<String, String> versions = new HashMap<>();
    private final Semaphore permits = new Semaphore(0);
    private volatile Integer fails;
    private final ExecutorService work = Executors.newCachedThreadPool();
    private final OkHttpClient http;
    private final IoTDevice device;

    public static void main(String[] arguments) throws Exception {
        System.setOut(System.err); // the SDK's log goes there
        Main main = new Main(JSON.readTree(arguments[0]));
        said("connected", "code", main.device.init());
        BufferedReader lines = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
        for (String line = lines.readLine(); line != null; line = lines.readLine()) {
            main.asked(JSON.readTree(line));
        }
        main.device.getClient().close();
        System.exit(0);
    }

    private Main(JsonNode given) throws IOException, GeneralSecurityException {
        this.given = given;
        http = client(given.path("ca").asText(""));
        File ca = given.hasNonNull("ca") ? new File(text("ca")) : null;
        if (given.path("gateway").asBoolean()) {
            device = new Gateway(text("url"), text("id"), text("secret"), ca);
            device.getClient().getClientConf().setCheckStamp(given.path("stamp").asInt());
            ((Gateway) device).setGtwOperateSubDeviceListener(new Managed());
        } else if (given.hasNonNull("stamp")) {
            device = new IoTDevice(configured(ca));
        } else {
            device = new IoTDevice(text("url"), text("id"), text("secret"), ca);
        }
        if (!(device instanceof Gateway)) { // a gateway's own listener synchronises what is behind it
            device.getClient().setConnectListener(new Connections());
        }
        device.getOtaService().setOtaListener(new Offers());
        device.getTimeSyncService().setListener((sent, received, answered) ->
            said("clock", "sent", sent, "received", received, "answered", answered));
        device.addService("lamp", new Lamp());
    }

    private ClientConf configured(File ca) {
        ClientConf conf = new ClientConf();
        conf.setServerUri(text("url"));
        conf.setDeviceId(text("id"));
        conf.setSecret(text("secret"));
        conf.setFile(ca);
        conf.setCheckStamp(given.get("stamp").asInt());
        return conf;
    }

    private String text(String name) {
        return given.get(name).asText();
    }

    private String version(String id) {
        return versions.getOrDefault(id, text("version"));
    }

    static synchronized void said(String what, Object... more) {
        Map<String, Object> line = new HashMap<>(Map.of("what", what));
        for (int place = 0; place < more.length; place += 2) {
            line.put((String) more[place], more[place + 1]);
        }
        try {
            OUT.println(JSON.writeValueAsString(line));
            OUT.flush();
        } catch (IOException fault) {
            throw new IllegalStateException(fault);
        }
    }

    // --- what it is told to do ---

    private void asked(JsonNode line) throws Exception {
        String call = line.get("call").asText();
        switch (call) {
            case "install" -> permits.release();
            case "fail" -> fails = line.get("code").asInt();
            case "everything" -> everything(line);
            case "clock" -> device.getTimeSyncService().requestTimeSync();
            case "version" -> device.getOtaService().reportVersion(line.get("version").asText());
            case "report" -> device.getOtaService().reportOtaStatus(
                line.get("code").asInt(), line.get("progress").asInt(), line.path("version").asText(null),
                line.path("text").asText(null));
            case "status" -> ((Gateway) device).reportSubDeviceStatus(
                line.get("id").asText(), line.get("status").asText(), published("status"));
            case "add" -> ((Gateway) device).gtwAddSubDevice(List.of(sub(line)), "event-1", published("add"));
            case "delete" ->
                ((Gateway) device).gtwDelSubDevice(List.of(line.get("id").asText()), "event-2", published("delete"));
            default -> throw new IllegalArgumentException(call);
        }
    }

    private static AddedSubDeviceInfo sub(JsonNode line) {
        AddedSubDeviceInfo info = new AddedSubDeviceInfo();
        info.setNodeId(line.get("node").asText());
        info.setProductId(line.get("product").asText());
        info.setName("behind");
        return info;
    }

    /** All else that the SDK can publish; each is said when it was acknowledged. */
    private void everything(JsonNode line) {
        DeviceClient client = device.getClient();
        ServiceProperty property = new ServiceProperty();
        property.setServiceId("lamp");
        property.setProperties(Map.of("on", true, "level", 7));
        property.setEventTime(IotUtil.getTimeStamp());
        DeviceMessage message = new DeviceMessage("a message");
        ShadowRequest shadow = new ShadowRequest();
        shadow.setServiceId("lamp");
        DeviceEvent event = new DeviceEvent();
        event.setServiceId("lamp");
        event.setEventType("broken");
        event.setEventTime(IotUtil.getTimeStamp());
        event.setParas(Map.of("why", "test"));
        UrlRequest url = new UrlRequest();
        url.setFileName("log.txt");
        OpFileStatusRequest moved = new OpFileStatusRequest();
        moved.setObjectName("log.txt");
        String own = "$oc/devices/" + text("id") + "/user/";

        client.reportProperties(List.of(property), published("properties"));
        client.reportCompressedProperties(List.of(property), published("properties, gzip"));
        client.reportPropertiesV3(new DevicePropertiesV3(), published("properties, V3"));
        client.reportBinaryV3(new Byte[] {1, 2}, published("bytes, V3"));
        client.responseCommandV3(new CommandRspV3("deviceRsp", 1, 0), published("answer, V3"));
        client.responseCommandBinaryV3(new Byte[] {1, 2}, published("answer in bytes, V3"));
        client.reportDeviceMessage(message, published("message"));
        client.reportDeviceMessage(message, published("message, QoS 0"), 0);
        client.reportCompressedDeviceMessage(message, published("message, gzip"));
        client.getShadow(shadow, published("shadow"));
        client.reportEvent(event, published("event"));
        client.reportDeviceInfo("", "", published("info"));
        client.respondCommand("1", new CommandRsp(0));
        client.respondPropsGet("2", List.of(property));
        client.respondPropsSet("3", IotResult.SUCCESS);
        client.subscribeTopic(own + "asked", published("subscribed"), 1);
        client.publishRawMessage(new RawMessage(own + "told", "raw"), published("own topic"));
        client.publishRawMessage(new RawMessage("/named/by/its/owner", "raw"), published("custom topic"));
        device.getFileManagerService().getUploadUrl(url, published("url to upload"));
        device.getFileManagerService().getDownloadUrl(url, published("url to download"));
        device.getFileManagerService().reportUploadFileStatus(moved, published("uploaded"));
        device.getFileManagerService().reportDownloadFileStatus(moved, published("downloaded file"));
        device.getDeviceLogService().reportDeviceLog("1700000000000", "DEVICE_STATUS", "fine");
        device.firePropertiesChanged("lamp");
        if (device instanceof Gateway gateway) {
            behind(gateway, line.get("sub").asText(), property, client);
        }
        client.reportEvent(event, published("all"));
    }

    private void behind(Gateway gateway, String sub, ServiceProperty property, DeviceClient client) {
        DeviceInfo found = new DeviceInfo();
        found.setNodeId("found");
        DeviceProperty properties = new DeviceProperty();
        properties.setDeviceId(sub);
        properties.setServices(List.of(property));
        DeviceMessage message = new DeviceMessage("a message");
        message.setDeviceId(sub);
        gateway.reportSubDevList(List.of(found), published("found"));
        gateway.reportSubDeviceMessage(message, published("message of another"));
        gateway.reportSubDeviceProperties(sub, List.of(property), published("properties of another"));
        client.reportCompressedSubDeviceProperties(List.of(properties), published("properties of another, gzip"));
    }

    private static ActionListener published(String name) {
        return new ActionListener() {
            @Override
            public void onSuccess(Object context) {
                said("published", "name", name);
            }

            @Override
            public void onFailure(Object context, Throwable fault) {
                said("not published", "name", name, "why", String.valueOf(fault));
            }
        };
    }

    // --- what it is told ---

    private static final class Connections implements ConnectListener {
        @Override
        public void connectionLost(Throwable cause) {
            said("lost");
        }

        @Override
        public void connectComplete(boolean again, String uri) {
            said("online");
        }
    }

    private final class Offers implements OTAListener {
        @Override
        public void onQueryVersion(OTAQueryInfo query) {
            said("query", "id", text("id"), "paras", query);
            device.getOtaService().reportVersion(version(text("id")));
        }

        @Override
        public void onNewPackage(OTAPackage offer) {
            installed(text("id"), offer, offer.getToken());
        }

        @Override
        public void onNewPackageV2(OTAPackageV2 offer) {
            if (given.path("aside").asBoolean()) {
                work.submit(() -> installed(text("id"), offer, null));
            } else {
                installed(text("id"), offer, null);
            }
        }
    }

    /** A service with writable properties and a command, as users make it. */
    public static final class Lamp extends AbstractService {
        @Override
        public Map<String, Object> onRead(String... fields) {
            return Map.of("on", true);
        }
    }

    // --- an upgrade, in the order of the vendor's sample: 100 % with the old version, then with the new one ---

    private void installed(String id, OTAPackageV2 offer, String token) {
        said("offered", "id", id, "paras", offer, "token", token);
        if (given.path("waits").asBoolean()) {
            permits.acquireUninterruptibly();
        }
        if (fails != null) {
            told(id, fails, 0, version(id), "it was told to fail");
            return;
        }
        told(id, 0, 30, version(id), null);
        try {
            byte[] image = downloaded(id, offer.getUrl(), token);
            told(id, 0, 100, version(id), null);
            String digest = digest(image);
            if (offer.getSign() != null && !digest.equalsIgnoreCase(offer.getSign())) {
                told(id, OTAService.OTA_CODE_CHECK_FAIL, 0, version(id), "the sign is another");
                return;
            }
        } catch (IOException fault) {
            said("not downloaded", "id", id, "why", fault.toString());
            told(id, OTAService.OTA_CODE_DOWNLOAD_TIMEOUT, 0, version(id), fault.toString());
            return;
        }
        versions.put(id, offer.getVersion());
        told(id, OTAService.OTA_CODE_SUCCESS, 100, offer.getVersion(), "upgrade success");
        said("installed", "id", id, "version", offer.getVersion());
    }

    private byte[] downloaded(String id, String url, String token) throws IOException {
        Request.Builder asked = new Request.Builder().url(url);
        if (token != null) {
            asked.header("Authorization", "Bearer " + token);
        }
        try (Response response = http.newCall(asked.build()).execute()) {
            byte[] image = response.body().bytes();
            said("downloaded", "id", id, "status", response.code(), "size", image.length, "digest", digest(image),
                "length", response.header("Content-Length"), "scheme", response.request().url().scheme());
            return image;
        }
    }

    private void told(String id, int code, int progress, String version, String text) {
        if (id.equals(text("id"))) {
            device.getOtaService().reportOtaStatus(code, progress, version, text);
            return;
        }
        Map<String, Object> paras = new HashMap<>(Map.of("result_code", code, "progress", progress, "version", version));
        if (text != null) {
            paras.put("description", text);
        }
        device.getClient().reportEvent(id, event("upgrade_progress_report", paras), null);
    }

    private static DeviceEvent event(String kind, Map<String, Object> paras) {
        DeviceEvent event = new DeviceEvent();
        event.setServiceId("$ota");
        event.setEventType(kind);
        event.setEventTime(IotUtil.getTimeStamp());
        event.setParas(paras);
        return event;
    }

    private static String digest(byte[] image) {
        try {
            return HexFormat.of().formatHex(MessageDigest.getInstance("SHA-256").digest(image));
        } catch (GeneralSecurityException fault) {
            throw new IllegalStateException(fault);
        }
    }

    private static OkHttpClient client(String ca) throws IOException, GeneralSecurityException {
        OkHttpClient.Builder builder = new OkHttpClient.Builder().readTimeout(READ_S, TimeUnit.SECONDS);
        if (ca.isEmpty()) {
            return builder.build();
        }
        KeyStore trusted = KeyStore.getInstance(KeyStore.getDefaultType());
        trusted.load(null);
        try (InputStream file = new FileInputStream(ca)) {
            trusted.setCertificateEntry("ca", CertificateFactory.getInstance("X.509").generateCertificate(file));
        }
        TrustManagerFactory managers = TrustManagerFactory.getInstance(TrustManagerFactory.getDefaultAlgorithm());
        managers.init(trusted);
        SSLContext context = SSLContext.getInstance("TLS");
        context.init(null, managers.getTrustManagers(), null);
        X509TrustManager manager = (X509TrustManager) managers.getTrustManagers()[0];
        return builder.sslSocketFactory(context.getSocketFactory(), manager).build();
    }

    // --- a gateway ---

    private static final class Known implements SubDevicesPersistence {
        @Override
        public DeviceInfo getSubDevice(String nodeId) {
            return null;
        }

        @Override
        public int addSubDevices(SubDevicesInfo told) {
            said("subs", "version", told.getVersion(), "devices", told.getDevices());
            return 0;
        }

        @Override
        public int deleteSubDevices(SubDevicesInfo told) {
            said("subs deleted", "devices", told.getDevices());
            return 0;
        }

        @Override
        public long getVersion() {
            return 0;
        }
    }

    private static final class Managed implements GtwOperateSubDeviceListener {
        @Override
        public void onAddSubDeviceRsp(GtwAddSubDeviceRsp told, String eventId) {
            said("added", "told", told, "event", eventId);
        }

        @Override
        public void onDelSubDeviceRsp(GtwDelSubDeviceRsp told, String eventId) {
            said("deleted", "told", told, "event", eventId);
        }
    }

    private final class Gateway extends AbstractGateway {
        Gateway(String url, String id, String secret, File ca) {
            super(new Known(), url, id, secret, ca);
        }

        @Override
        public void onSubdevEvent(String id, DeviceEvent told) {
            if (id == null || id.equals(getDeviceId())) {
                return;
            }
            if (told.getEventType().equals("version_query")) {
                said("query", "id", id, "paras", told.getParas());
                String version = version(id);
                getClient().reportEvent(
                    id, event("version_report", Map.of("fw_version", version, "sw_version", version)), null);
            } else {
                OTAPackage offer = JsonUtil.convertMap2Object(told.getParas(), OTAPackage.class);
                work.submit(() -> installed(id, offer, offer.getToken()));
            }
        }

        @Override
        public void onSubdevCommand(String requestId, Command command) {
            said("command", "command", command);
        }

        @Override
        public void onSubdevPropertiesSet(String requestId, PropsSet asked) {
            said("set", "asked", asked);
        }

        @Override
        public void onSubdevPropertiesGet(String requestId, PropsGet asked) {
            said("get", "asked", asked);
        }

        @Override
        public void onSubdevMessage(DeviceMessage message) {
            said("message", "message", message);
        }
    }
}
