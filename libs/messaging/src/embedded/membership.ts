import { randomUUID } from 'node:crypto';
import type { MembershipListener } from '../transform/backend.ts';
import { announceChange, nextChange } from './changes.ts';
import type { Store } from './store.ts';

/** A member renews its row this often … */
const RENEWAL_MS = 1_000;
/** … and counts as dead when it has not for this long, as a Kafka member after its session timeout. */
const SESSION_TIMEOUT_MS = 10_000;

/**
 * Membership in a group by rows in the log's file, for members in one or several processes. Each member derives the
 * same assignment from the same rows: partition p belongs to the member p mod n of those alive, in the order of their
 * ids. Members may disagree for a moment; the fence of each partition keeps that harmless.
 */
export async function joinGroup(
  store: Store,
  { group, topic }: { readonly group: string; readonly topic: string },
  listener: MembershipListener,
): Promise<AsyncDisposable> {
  const partitions = store.partitions(topic);
  const { database } = store;
  const member = randomUUID();
  const leave = new AbortController();

  const renew = () => {
    const sql =
      'INSERT INTO members (group_name, topic, member, expires_ms) VALUES (?, ?, ?, ?) ON CONFLICT DO UPDATE SET expires_ms = excluded.expires_ms';
    database.volatileTransaction(() => {
      database.run('DELETE FROM members WHERE expires_ms < ?', Date.now());
      database.run(sql, group, topic, member, Date.now() + SESSION_TIMEOUT_MS);
    });
  };
  const assignment = () => {
    const rows = database.all(
      'SELECT member FROM members WHERE group_name = ? AND topic = ? ORDER BY member',
      group,
      topic,
    );
    const index = rows.findIndex((row) => row.member === member);
    return Array.from({ length: partitions }, (_, partition) => partition).filter((p) => p % rows.length === index);
  };

  const follow = async () => {
    let known = '';
    let renewAt = 0;
    while (!leave.signal.aborted) {
      if (performance.now() >= renewAt) {
        renew();
        renewAt = performance.now() + RENEWAL_MS;
        if (known === '') announceChange(database.identity);
      }
      const partitionsNow = assignment();
      if (known !== String([partitionsNow])) {
        known = String([partitionsNow]);
        listener.assigned(partitionsNow);
      }
      await nextChange(database.identity, RENEWAL_MS / 2, leave.signal);
    }
  };
  const following = follow().catch((error) => listener.lost(error));

  return {
    [Symbol.asyncDispose]: async () => {
      leave.abort();
      await following;
      database.run('DELETE FROM members WHERE group_name = ? AND topic = ? AND member = ?', group, topic, member);
      announceChange(database.identity);
    },
  };
}
