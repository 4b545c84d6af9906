import type { Graph, Shape, Value } from '@alphapo/graph';
import {
  type AttentionBlocks,
  type AttentionParts,
  type AttentionShape,
  attention,
  attentionMasks,
  type BlockPlaces,
  type PackInputs,
  type TokenInputs,
  type WholePack,
  wholeMask,
} from '@alphapo/models';
import type { LayerAttention } from './model-graph.ts';
import { blockPrefix } from './pack.ts';
import type { ProgramStyle } from './program-style.ts';

/** Attention over the tokens of a pack: which see each other is made once for all layers with the same window. */
export class PackAttention implements LayerAttention {
  readonly #graph: Graph;
  readonly #inputs: PackInputs;
  readonly #style: ProgramStyle['attention'];
  readonly #blocks = new Map<number | undefined, AttentionBlocks>();
  readonly #whole = new Map<number | undefined, WholePack>();

  constructor(graph: Graph, { tokens, positions }: TokenInputs, style: ProgramStyle['attention']) {
    this.#graph = graph;
    this.#style = style;
    const index = (name: string) => graph.input(name, 'i64', tokens.shape);
    this.#inputs = { positions, rows: index('rows'), branches: index('branches') };
  }

  attend(parts: AttentionParts, shape: AttentionShape, slidingWindow: number | undefined): Value {
    const over = this.#style === 'whole' ? this.#wholePack(slidingWindow) : this.#packBlocks(slidingWindow);
    return attention(parts, shape, over);
  }

  /** The sliding windows that the layers have, as far as they are built. */
  get windows(): (number | undefined)[] {
    return [...this.#blocks.keys()];
  }

  #wholePack(slidingWindow: number | undefined): WholePack {
    const known = this.#whole.get(slidingWindow) ?? { mask: wholeMask(this.#inputs, slidingWindow) };
    this.#whole.set(slidingWindow, known);
    return known;
  }

  #packBlocks(slidingWindow: number | undefined): AttentionBlocks {
    const known = this.#blocks.get(slidingWindow);
    if (known !== undefined) return known;
    const prefix = blockPrefix(slidingWindow);
    const index = (name: string, shape: Shape) => this.#graph.input(prefix + name, 'i64', shape);
    // Named after the window, like the extents of the masks: see attentionMasks.
    const [N, L] = [`N${slidingWindow ?? ''}`, `L${slidingWindow ?? ''}`];
    const place = (name: string) => index(name, [N, 1]);
    const places: BlockPlaces = {
      queryStart: place('queryStart'),
      prefixStart: place('prefixStart'),
      prefixEnd: place('prefixEnd'),
      ownStart: place('ownStart'),
      end: place('end'),
      queryCount: place('queryCount'),
      keyCount: place('keyCount'),
      firstPosition: place('firstPosition'),
      endPosition: place('endPosition'),
      queryPads: index('queryPads', [N, 4]),
      keyPads: index('keyPads', [N, 4]),
      earlierPads: index('earlierPads', [N, 4]),
      maskPads: index('maskPads', [N, 4]),
    };
    const blocks: AttentionBlocks = {
      places,
      masks: attentionMasks(this.#inputs, places, slidingWindow),
      queryRows: index('queryRows', this.#inputs.positions.shape),
      positionZeros: this.#graph.input(`${prefix}positionZeros`, 'f32', [L, 1]),
    };
    this.#blocks.set(slidingWindow, blocks);
    return blocks;
  }
}
