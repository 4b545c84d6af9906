import { execFileSync } from 'node:child_process';
import { securitySettingsFrom } from '@alphapo/rpc/testing';
import { temporaryFolder } from '../support/temporary-folder.ts';
import { describeHelm, notes, type Values } from './helm.ts';

/** What a shell of a caller says to commands of the notes, where `kubectl` prints what a command says. */
async function inShell(kubectl: string, commands: string): Promise<string> {
  const { PATH } = process.env;
  return execFileSync('sh', ['-euc', `umask 022\nkubectl() { ${kubectl}; }\n${commands}`], {
    cwd: await temporaryFolder(),
    env: { PATH },
    encoding: 'utf8',
  });
}

/** The commands that give a caller certificates and a token, and that follow the run. */
const callerCommands = (values: Values) =>
  (/port-forward service[^\n]*\n(.*?)\n +alphapo watch/s.exec(notes(values)) as RegExpExecArray)[1] as string;

describeHelm('the notes', () => {
  test.each<[string, string | undefined, Values]>([
    ['without TLS', 'allow', { access: { enabled: true, allowPlaintext: true } }],
    ['with TLS', undefined, { access: { enabled: true }, tls: { mode: 'server' } }],
  ])('give a caller a token that its client takes and that others cannot read: %s', async (_, plaintext, values) => {
    const commands = callerCommands(values);
    const [mode, ...variables] = (await inShell('printf secret', `${commands}\nstat -c %a token; env`)).split('\n');
    expect(mode).toBe('600');
    const environment = Object.fromEntries(variables.map((line) => line.split(/=(.*)/)));
    expect(securitySettingsFrom({ environment }).token).toBeDefined();
    expect(environment.ALPHAPO_PLAINTEXT_TOKENS).toBe(plaintext);
  });

  test('allow no token without TLS where none is asked for', () => {
    expect(notes()).not.toContain('ALPHAPO_PLAINTEXT_TOKENS');
  });

  test('send pairs with a command whose quotes hold, whatever the name of Kafka’s user', async () => {
    const username = `o'brien "the second" $HOME`;
    const sasl = { mechanism: 'scram-sha-512', username, existingSecret: 'login' };
    const [command] = /kubectl [^\n]* run produce .*?(?= <pairs)/s.exec(notes({ kafka: { sasl } })) as RegExpExecArray;
    const said = await inShell(`printf '%s\\n' "$@"`, command);
    const [, overrides] = /^--overrides=(.*)$/m.exec(said) as RegExpExecArray;
    expect(JSON.parse(overrides as string).spec.containers[0].env).toContainEqual({
      name: 'KAFKA_USERNAME',
      value: username,
    });
  });

  test('send pairs without ending the data, and say when to end it', () => {
    const text = notes();
    const [command] = /kubectl [^\n]* run produce .*?(?= <pairs)/s.exec(text) as RegExpExecArray;
    expect(command).not.toContain('--end');
    expect(text).toMatch(/If no more pairs will come.*add --end/s);
  });

  test('wait for the optimizer’s pod before they forward its port', async () => {
    const [wait] = /until kubectl .*; done/.exec(notes()) as RegExpExecArray;
    // There is none at first.
    const kubectl = `printf '%s\\n' "$*" >>calls; [ "$(wc -l <calls)" -gt 1 ]`;
    const said = await inShell(kubectl, `sleep() { :; }\n${wait}\ncat calls`);
    const call = '-n models wait pod/trial-alphapo-optimizer-0 --for=condition=Ready --timeout=5s';
    expect(said).toBe(`${call}\n${call}\n`);
    expect(notes().indexOf(wait)).toBeLessThan(notes().indexOf('port-forward service/trial-alphapo-optimizer'));
  });

  test('say what to expect at zero only where pods go to zero', () => {
    expect(notes()).toContain('pod is not running');
    expect(notes({ autoscaling: { mode: 'none' } })).not.toContain('pod is not running');
  });
});
