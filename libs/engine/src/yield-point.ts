/** Says whether the caller of a computation still wants it, and lets others compute. Called between packs. */
export type YieldPoint = () => Promise<void>;
