import type { MessagingEvents } from './events.ts';

/** An event's name and its fields. */
type MessagingEvent = {
  [Name in keyof MessagingEvents]: [event: Name, fields: MessagingEvents[Name]];
}[keyof MessagingEvents];

/** Receives events; the `log` of a telemetry logger is one. */
export type EventLogger = (level: 'debug' | 'info' | 'warn' | 'error', ...event: MessagingEvent) => void;

export const silentLogger: EventLogger = () => {};
