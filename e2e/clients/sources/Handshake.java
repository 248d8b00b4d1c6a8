// java Handshake.java URL SUBPROTOCOL: java.net.http's client, which sends Content-Length: 0.
import java.io.FileDescriptor;
import java.io.FileOutputStream;
import java.io.PrintStream;
import java.net.URI;
import java.net.http.HttpClient;
import java.net.http.WebSocket;
import java.nio.ByteBuffer;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.CompletionStage;
import java.util.concurrent.TimeUnit;

public class Handshake implements WebSocket.Listener {
    static PrintStream out;
    final CompletableFuture<Integer> closed = new CompletableFuture<>();

    public static void main(String[] arguments) throws Exception {
        out = new PrintStream(new FileOutputStream(FileDescriptor.out), true, "UTF-8");
        var listener = new Handshake();
        var builder = HttpClient.newHttpClient().newWebSocketBuilder().subprotocols(arguments[1]);
        var socket = builder.buildAsync(URI.create(arguments[0]), listener).get(20, TimeUnit.SECONDS);
        out.println("open " + socket.getSubprotocol());
        socket.sendText("client:hello,\u670d\u52a1\u7aef", true).get(20, TimeUnit.SECONDS);
        out.println("closed " + listener.closed.get(20, TimeUnit.SECONDS));
        System.exit(0);
    }

    @Override
    public CompletionStage<?> onText(WebSocket socket, CharSequence text, boolean last) {
        out.println("text " + text);
        socket.sendClose(1000, "");
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onBinary(WebSocket socket, ByteBuffer bytes, boolean last) {
        out.println("binary");
        socket.request(1);
        return null;
    }

    @Override
    public CompletionStage<?> onClose(WebSocket socket, int code, String reason) {
        closed.complete(code);
        return null;
    }

    @Override
    public void onError(WebSocket socket, Throwable error) {
        closed.completeExceptionally(error);
    }
}
