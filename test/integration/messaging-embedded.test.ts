import { join } from 'node:path';
import { openEmbeddedEventLog } from '@alphapo/messaging';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeEventLogContract } from './messaging-contract.ts';

describe('the embedded event log', () => {
  let path: string;
  beforeAll(async () => {
    path = join(await temporaryFolder(), 'log', 'events.db');
  });
  describeEventLogContract(async () => openEmbeddedEventLog({ path }));
});
