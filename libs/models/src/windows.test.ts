import { layerWindows, switchedWindows } from './windows.ts';

const qwen = {
  num_hidden_layers: 4,
  use_sliding_window: true,
  sliding_window: 16,
  max_window_layers: 2,
  layer_types: undefined,
};

test('the first max_window_layers layers see everything, where windows are on', () => {
  expect(switchedWindows(qwen)).toEqual([undefined, undefined, 16, 16]);
  expect(switchedWindows({ ...qwen, use_sliding_window: false })).toEqual(Array(4).fill(undefined));
  expect(switchedWindows({ ...qwen, sliding_window: null })).toEqual(Array(4).fill(undefined));
});

test('layer_types, where it is given, says which layers slide', () => {
  const types = ['sliding_attention', 'full_attention', 'full_attention', 'sliding_attention'];
  const expected = [16, undefined, undefined, 16];
  expect(switchedWindows({ ...qwen, layer_types: types })).toEqual(expected);
  expect(layerWindows({ num_hidden_layers: 4, layer_types: types }, 16, () => true)).toEqual(expected);
});

test('without layer_types the architecture says it', () => {
  const windows = layerWindows({ num_hidden_layers: 3, layer_types: null }, 8, (layer) => layer % 2 === 0);
  expect(windows).toEqual([8, undefined, 8]);
});
