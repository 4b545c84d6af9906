import { AlphapoError } from '@alphapo/base';
import type { Engine, PolicyChoice } from '@alphapo/engine';
import { loadAdapter } from '@alphapo/policies';

type Loaded = PolicyChoice & { readonly kind: 'policy' };

/** Adapters by name. One that the engine has let go for others is read again. */
export class Adapters {
  readonly #engine: Engine;
  readonly #folders: ReadonlyMap<string, string>;
  readonly #loaded = new Map<string, Promise<Loaded>>();

  private constructor(engine: Engine, folders: ReadonlyMap<string, string>) {
    this.#engine = engine;
    this.#folders = folders;
  }

  /** Reads each adapter once, so that a wrong one is found at the start. Errors: those of `loadAdapter`. */
  static async open(engine: Engine, folders: ReadonlyMap<string, string>): Promise<Adapters> {
    const adapters = new Adapters(engine, folders);
    for (const name of adapters.names) await adapters.ensure(name);
    return adapters;
  }

  get names(): string[] {
    return [...this.#folders.keys()];
  }

  /** Errors: UNKNOWN_ADAPTER with the names that there are. */
  async ensure(name: string): Promise<Loaded> {
    const folder = this.#folders.get(name);
    if (folder === undefined) throw unknownAdapter(name, this.names);
    const before = this.#loaded.get(name);
    const known = await before;
    if (known !== undefined && this.#engine.hasPolicy(known.digest)) return known;
    // Whoever asked meanwhile has begun to read it.
    const newer = this.#loaded.get(name);
    if (newer !== undefined && newer !== before) return newer;
    const loading = loadAdapter(this.#engine, folder);
    this.#loaded.set(name, loading);
    loading.catch(() => this.#loaded.delete(name));
    return loading;
  }
}

function unknownAdapter(name: string, names: readonly string[]): AlphapoError {
  const there = names.length === 0 ? 'there are none' : `there are ${names.join(', ')}`;
  return new AlphapoError('not-found', 'UNKNOWN_ADAPTER', `there is no adapter "${name}"; ${there}`);
}
