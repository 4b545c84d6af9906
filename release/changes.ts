/** A change as Artifact Hub lists it. */
export interface Change {
  readonly kind: string;
  readonly description: string;
}

/** The changes of a version in CHANGELOG.md, or of Unreleased if it has no section of its own; Markdown becomes plain text. */
export function changesOf(changelog: string, version: string): readonly Change[] {
  const sections = changelog.split(/^## /m).slice(1);
  const section =
    sections.find((text) => text.startsWith(`[${version}]`)) ??
    sections.find((text) => text.startsWith('[Unreleased]'));
  return (section ?? '').split(/^### /m).slice(1).flatMap(changesOfKind);
}

/** "Added", "Changed" … with their list. */
function changesOfKind(text: string): readonly Change[] {
  const [heading = '', ...items] = text.split(/^- /m);
  return items.map((item) => ({ kind: heading.trim().toLowerCase(), description: plain(item) }));
}

function plain(markdown: string): string {
  return markdown
    .replaceAll(/ ?\(\[[^\]]*\]\([^)]*\)\)/g, '')
    .replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replaceAll('`', '')
    .replaceAll(/\s+/g, ' ')
    .trim();
}
