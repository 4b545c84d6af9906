const LINE_BREAKS = /[\r\n]+/g;

/** A record's bytes as one line of text. In JSON a line break is white space only, so that it may become a space. */
export function recordLine(bytes: Uint8Array): string {
  return `${new TextDecoder().decode(bytes).replace(LINE_BREAKS, ' ')}\n`;
}
