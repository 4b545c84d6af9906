import { modelfile } from './modelfile.ts';

const turns = {
  start: '<s>[system]default[/system][user]',
  system: { start: '<s>[system]', end: '[/system][user]' },
  answer: '[/user]\n[assistant]',
  nextUser: '[/assistant]"\n[user]',
  end: '[/user]\n[last]',
  trims: false,
} as const;

test('a Modelfile has the weights beside it, the template in Go’s language, and what ends a response', () => {
  const text = modelfile({ turns, addedStart: '<s>', stops: ['[/assistant]', '\n\nHuman:'] });
  const template = [
    '{{ if not .System }}{{ "[system]default[/system][user]" }}{{ end }}',
    '{{ range $i, $_ := .Messages }}{{ $last := eq (len (slice $.Messages $i)) 1 }}',
    '{{ if eq .Role "system" }}{{ "[system]" }}{{ .Content }}{{ "[/system][user]" }}{{ end }}',
    '{{ if eq .Role "user" }}{{ .Content }}{{ if $last }}{{ "[/user]\\n[last]" }}{{ else }}{{ "[/user]\\n[assistant]" }}{{ end }}{{ end }}',
    '{{ if eq .Role "assistant" }}{{ .Content }}{{ if not $last }}{{ "[/assistant]\\"\\n[user]" }}{{ end }}{{ end }}',
    '{{ end }}',
  ].join('');
  const lines = text.split('\n').filter((line) => !line.startsWith('#'));
  expect(lines.join('\n')).toBe(
    `FROM .\nTEMPLATE """${template}"""\nPARAMETER stop """[/assistant]"""\nPARAMETER stop """\n\nHuman:"""\n`,
  );
});

test('a token that Ollama does not add stays in the template', () => {
  expect(modelfile({ turns, addedStart: '', stops: [] })).toContain('{{ "<s>[system]default');
});

test('what is not translated is said', () => {
  const text = modelfile({ turns: { ...turns, system: undefined, trims: true }, addedStart: '', stops: [] });
  expect(text).toContain('# The chat template removes white space around messages; Ollama keeps it.');
  expect(text).toContain('# The chat template takes no system message: they are left out.');
  expect(text).not.toContain('"system"');
});
