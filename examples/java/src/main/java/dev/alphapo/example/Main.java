package dev.alphapo.example;

import java.nio.file.Path;

/** Uses AlphaPO from outside: tokenizes, scores, sends preferences to Kafka and follows a run. */
public final class Main {
  private static final String USAGE =
      """
      usage: alphapo-example tokenize TEXT
             alphapo-example score PROMPT CHOSEN REJECTED
             alphapo-example produce FILE [TOPIC]
             alphapo-example follow""";

  private Main() {}

  public static void main(String[] args) throws Exception {
    switch (args.length == 0 ? "" : args[0] + " " + (args.length - 1)) {
      case "tokenize 1" -> Tokenize.run(args[1]);
      case "score 3" -> Score.run(args[1], args[2], args[3]);
      case "produce 1" -> Produce.run(Path.of(args[1]), "preferences");
      case "produce 2" -> Produce.run(Path.of(args[1]), args[2]);
      case "follow 0" -> Follow.run();
      default -> {
        System.err.println(USAGE);
        System.exit(1);
      }
    }
  }
}
