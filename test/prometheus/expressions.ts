/** What stands in PromQL besides names of metrics: words of the language. */
const WORDS = ['and', 'or', 'unless', 'bool', 'offset', 'by', 'without', 'on', 'ignoring', 'group_left', 'group_right'];

/** The names of the metrics that an expression reads. */
export function metricNamesIn(expression: string): string[] {
  const bare = expression
    .replace(/"[^"]*"/g, '')
    .replace(/\{[^}]*\}|\[[^\]]*\]/g, ' ')
    .replace(/\b(by|without|on|ignoring|group_left|group_right)\s*\([^)]*\)/g, ' ');
  const names = bare.matchAll(/[a-zA-Z_:][\w:]*(?!\s*\(|[\w:])/g);
  return [...new Set([...names].map(([name]) => name).filter((name) => !WORDS.includes(name)))];
}
