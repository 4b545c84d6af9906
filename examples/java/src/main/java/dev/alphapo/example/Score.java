package dev.alphapo.example;

import dev.alphapo.v1.AlphaPoObjective;
import dev.alphapo.v1.BasePolicy;
import dev.alphapo.v1.Objective;
import dev.alphapo.v1.ScoreItem;
import dev.alphapo.v1.ScoreRequest;
import dev.alphapo.v1.ScorerServiceGrpc;
import dev.alphapo.v1.SequenceScore;
import dev.alphapo.v1.TextPair;
import java.io.IOException;
import java.util.concurrent.TimeUnit;

/** Scores two responses to a prompt under the base model, with their margin under AlphaPO. */
final class Score {
  private Score() {}

  static void run(String prompt, String chosen, String rejected) throws IOException {
    var pair = TextPair.newBuilder().setText(prompt).setChosen(chosen).setRejected(rejected);
    var alphapo = AlphaPoObjective.newBuilder().setAlpha(0.25).setBeta(10).setGamma(1);
    var request =
        ScoreRequest.newBuilder()
            .addItems(ScoreItem.newBuilder().setId("example").setTextPair(pair))
            .setBase(BasePolicy.getDefaultInstance())
            .setObjective(Objective.newBuilder().setAlphapo(alphapo))
            .build();
    try (var connection = Connection.open("SCORER", "localhost:50052")) {
      var scorer = ScorerServiceGrpc.newBlockingStub(connection.channel()).withDeadlineAfter(60, TimeUnit.SECONDS);
      var result = scorer.score(request).getResults(0);
      print("chosen", result.getChosen());
      print("rejected", result.getRejected());
      System.out.printf("margin: %.4f%n", result.getReward().getMargin());
    }
  }

  private static void print(String name, SequenceScore score) {
    System.out.printf("%s: %.4f nats per token, %d tokens%n", name, score.getMean(), score.getTokens());
  }
}
