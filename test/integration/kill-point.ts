import fs from 'node:fs';
import { syncBuiltinESMExports } from 'node:module';
import { DatabaseSync, type SQLInputValue, StatementSync } from 'node:sqlite';

/**
 * Loaded before `alphapo`: the process kills itself (SIGKILL) at a point of its work that `KILL_POINT` names, as
 * `before-publish:5` or `after-checkpoint:6`: the number is the step's.
 */

const [point, step] = (process.env.KILL_POINT ?? '').split(':');

function dieAt(here: string): void {
  if (here !== point) return;
  process.kill(process.pid, 'SIGKILL');
  // Nothing more is done, however late the signal comes.
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
}

// A step is published by the commit of the transaction that has its record.
let publishing = false;
const { exec } = DatabaseSync.prototype;
const { run } = StatementSync.prototype;
StatementSync.prototype.run = function (this: StatementSync, ...values: SQLInputValue[]) {
  const isStep = (text: string) => text.includes('"policyDigest"') && text.includes(`"step":${step},`);
  publishing ||= values.some((value) => value instanceof Uint8Array && isStep(Buffer.from(value).toString()));
  return run.apply(this, values as Parameters<typeof run>);
} as typeof run;
DatabaseSync.prototype.exec = function (sql) {
  const commits = publishing && sql === 'COMMIT';
  if (commits) dieAt('before-publish');
  exec.call(this, sql);
  if (commits) dieAt('after-publish');
};

// A checkpoint is made visible by renaming its folder.
const { rename } = fs.promises;
fs.promises.rename = async (from, to) => {
  const isCheckpoint = String(to).endsWith(`step-${step?.padStart(8, '0')}`);
  if (isCheckpoint) dieAt('before-checkpoint');
  await rename(from, to);
  if (isCheckpoint) dieAt('after-checkpoint');
};
syncBuiltinESMExports();
