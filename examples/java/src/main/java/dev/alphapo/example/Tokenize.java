package dev.alphapo.example;

import dev.alphapo.v1.DecodeRequest;
import dev.alphapo.v1.EncodeRequest;
import dev.alphapo.v1.TokenizerServiceGrpc;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Turns a text into token ids and back. */
final class Tokenize {
  private Tokenize() {}

  static void run(String text) throws IOException {
    try (var connection = Connection.open("TOKENIZER", "localhost:50051")) {
      var tokenizer =
          TokenizerServiceGrpc.newBlockingStub(connection.channel()).withDeadlineAfter(60, TimeUnit.SECONDS);
      var encoded = tokenizer.encode(EncodeRequest.newBuilder().addTexts(text).build());
      var decoded =
          tokenizer.decode(DecodeRequest.newBuilder().addAllEncodings(encoded.getEncodingsList()).build());
      System.out.println("ids: " + encoded.getEncodings(0).getIdsList());
      System.out.println("text: " + decoded.getTexts(0));
    }
  }
}
