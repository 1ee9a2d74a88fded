import { DOOR_LIMITS, DOOR_RANGES, type DoorLimits } from 'dure/door/internal'
import { BYTES, completeNumbers, COUNT, WHOLE_WAIT, type Ranges } from 'dure/runtime/internal'

/** What one door of mails takes. Times in milliseconds, sizes in bytes. */
export type MailLimits = DoorLimits & {
  /** One mail, as it comes. Default 10 MiB. What is held at once is at most this, for each of `requests` (default 50). */
  readonly size: number
  /** The headers of a mail, or of one of its parts. Default 64 KiB. */
  readonly headers: number
  /** Parts of a mail, however deep. Default 200. */
  readonly parts: number
  /** Servers that a mail has come through; more are a loop. Default 50. */
  readonly hops: number
  /** Recipients of one mail. Default 100, the least that SMTP asks for. */
  readonly recipients: number
  /** Connections of an SMTP door at once. Default 100. */
  readonly connections: number
  /** How long a client of an SMTP door may say nothing. Default 60 s. */
  readonly silence: number
  /** How long a mail may take to come. Default 5 min. */
  readonly receive: number
}

const DEFAULTS: MailLimits = {
  ...DOOR_LIMITS,
  ...{ size: 10 * 1024 * 1024, headers: 64 * 1024, parts: 200, hops: 50, recipients: 100, connections: 100 },
  ...{ silence: 60_000, receive: 300_000, requests: 50 },
}

const NUMBERS: Ranges<MailLimits> = {
  ...DOOR_RANGES,
  ...{ size: BYTES, headers: BYTES, parts: COUNT, hops: COUNT, recipients: COUNT, connections: COUNT },
  ...{ silence: WHOLE_WAIT, receive: WHOLE_WAIT },
}

/** @throws {TypeError} when a limit cannot be used */
export function limitsOf(given: Partial<MailLimits> = {}): MailLimits {
  return completeNumbers('make the door of mails with these limits', DEFAULTS, given, NUMBERS)
}
