import {
  GetStatusResponse,
  messageJson,
  objectiveToWire,
  RunState,
  ScorerState,
  trainingMethodToWire,
  WatchStepsResponse,
} from '../index.ts';

const status = GetStatusResponse.fromPartial({
  runId: 'run',
  totalSteps: 60n,
  nextBatchOffset: 2n ** 60n,
  policy: { runId: 'run', step: 20n, digest: 'sha256:0' },
  scorerStatuses: [{ address: 'a:1', state: ScorerState.BACKING_OFF, message: 'gone' }],
  method: trainingMethodToWire({ kind: 'lora', rank: 2, alpha: 4, targets: ['q_proj'] }),
  objective: objectiveToWire({ kind: 'sft', average: 'tokens' }),
});

test('enum values have their names, fields of a oneof theirs, and 64-bit integers are numbers where they fit', () => {
  const json = messageJson(GetStatusResponse, { ...status, state: RunState.FINISHED });
  expect(json).toMatchObject({
    state: 'RUN_STATE_FINISHED',
    totalSteps: 60,
    nextBatchOffset: '1152921504606846976',
    policy: { step: 20 },
    scorerStatuses: [{ address: 'a:1', state: 'SCORER_STATE_BACKING_OFF', message: 'gone' }],
    method: { lora: { rank: 2, alpha: 4, targets: ['q_proj'] } },
    objective: { sft: { average: 'NLL_AVERAGE_TOKENS' } },
    // Defaults are told, too.
    checkpointStep: 0,
    message: '',
  });
});

test.each(Object.entries(RunState))('%s is told by its name', (name, state) => {
  expect(messageJson(GetStatusResponse, { ...status, state })).toMatchObject({ state: `RUN_STATE_${name}` });
});

test('numbers that JSON lacks are told by their names', () => {
  const step = WatchStepsResponse.fromPartial({ step: 3n, loss: Number.NaN, gradNorm: Number.POSITIVE_INFINITY });
  expect(messageJson(WatchStepsResponse, step)).toMatchObject({ step: 3, loss: 'NaN', gradNorm: 'Infinity' });
});
