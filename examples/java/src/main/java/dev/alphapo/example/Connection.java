package dev.alphapo.example;

import io.grpc.CallCredentials;
import io.grpc.ChannelCredentials;
import io.grpc.CompositeChannelCredentials;
import io.grpc.Grpc;
import io.grpc.InsecureChannelCredentials;
import io.grpc.ManagedChannel;
import io.grpc.Metadata;
import io.grpc.TlsChannelCredentials;
import java.io.File;
import java.io.IOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.concurrent.Executor;

/**
 * A channel to one of AlphaPO's services: with TLS where ALPHAPO_TLS_CA is set, with a token where ALPHAPO_TOKEN_FILE is, too.
 */
record Connection(ManagedChannel channel) implements AutoCloseable {
  private static final Metadata.Key<String> AUTHORIZATION =
      Metadata.Key.of("authorization", Metadata.ASCII_STRING_MARSHALLER);

  /** Connects to the address in an environment variable. */
  static Connection open(String variable, String fallback) throws IOException {
    String address = System.getenv().getOrDefault(variable, fallback);
    return new Connection(Grpc.newChannelBuilder(address, credentials()).build());
  }

  private static ChannelCredentials credentials() throws IOException {
    String authorities = System.getenv("ALPHAPO_TLS_CA");
    if (authorities == null) return InsecureChannelCredentials.create();
    ChannelCredentials tls = TlsChannelCredentials.newBuilder().trustManager(new File(authorities)).build();
    String tokenFile = System.getenv("ALPHAPO_TOKEN_FILE");
    if (tokenFile == null) return tls;
    return CompositeChannelCredentials.create(tls, bearer(Files.readString(Path.of(tokenFile)).strip()));
  }

  private static CallCredentials bearer(String token) {
    return new CallCredentials() {
      @Override
      public void applyRequestMetadata(RequestInfo request, Executor executor, MetadataApplier applier) {
        Metadata headers = new Metadata();
        headers.put(AUTHORIZATION, "Bearer " + token);
        applier.apply(headers);
      }
    };
  }

  @Override
  public void close() {
    channel.shutdownNow();
  }
}
