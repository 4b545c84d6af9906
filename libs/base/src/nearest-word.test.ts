import { nearestWord } from './nearest-word.ts';

const SETTINGS = ['steps', 'epochs', 'learningRate', 'batchSize', 'alpha', 'beta', 'gamma', 'gammaRatio', 'seed'];

test.each([
  ['stpes', 'steps'],
  ['step', 'steps'],
  ['learningRat', 'learningRate'],
  ['batchsize', 'batchSize'],
  ['aplha', 'alpha'],
  ['gamaRatio', 'gammaRatio'],
  ['sede', 'seed'],
])('%s means %s', (word, meant) => expect(nearestWord(word, SETTINGS)).toBe(meant));

test.each(['', 'x', 'temperature', 'zz', 'constructor'])('nothing is near %p', (word) =>
  expect(nearestWord(word, SETTINGS)).toBeUndefined(),
);
