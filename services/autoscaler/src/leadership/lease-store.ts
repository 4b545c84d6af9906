/** What a Lease (coordination.k8s.io/v1) says. */
export interface LeaseRecord {
  /** Who has it; empty where it was given back. */
  readonly holder: string;
  readonly durationMs: number;
  readonly acquiredAt: Date;
  readonly renewedAt: Date;
  /** How often it went from one holder to another. */
  readonly transitions: number;
}

export interface StoredLease extends LeaseRecord {
  /** Changes with every write. */
  readonly version: string;
}

/** One Lease. Errors: CONFLICT (aborted) where somebody else has written it meanwhile. */
export interface LeaseStore {
  /** Undefined where there is none yet. */
  read(): Promise<StoredLease | undefined>;
  /** Makes it, or replaces this version of it. */
  write(record: LeaseRecord, version: string | undefined): Promise<StoredLease>;
}
