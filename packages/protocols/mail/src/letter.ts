/** A letter that is sent: what it may hold, and its form. */
import { createHash } from 'node:crypto'
import { NonRetryableError } from 'dure/messaging'
import type { SendMailOptions } from 'nodemailer'

export type Letter = {
  /** One address: `sori@shop.example`, `Sori <sori@shop.example>`, `"Kim, Sori" <…>`. It is taken whole or not at all; for several, send a letter each. */
  readonly to: string
  /** Default: what `sendMail` says. */
  readonly from?: string
  readonly replyTo?: string
  readonly subject: string
  readonly text?: string
  readonly html?: string
  readonly attachments?: readonly LetterAttachment[]
  /** The `Message-ID` of the mail that this answers. */
  readonly inReplyTo?: string
  /** Others, by name: `list-unsubscribe`. */
  readonly headers?: Readonly<Record<string, string>>
}

export type LetterAttachment = { readonly filename: string; readonly content: string | Uint8Array; readonly contentType?: string }

/** The message that a letter is of. */
export type Cause = { readonly id: string; readonly source: string; readonly time: number }

// Control characters: with a line break whoever wrote a name or a subject would write headers too.
// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u001f\u007f-\u009f\u2028\u2029]/
const ADDRESS = /^(?:(?:"[^"\\]*" *|[^<>@,;:"]*)<)?([^\s<>@,;:"()[\]\\]{1,64}@[^\s<>@,;:"()[\]\\]{1,255})>?$/
const MESSAGE_ID = /^<[^\s<>@]+@[^\s<>@]+>$/
const HEADER = /^[A-Za-z0-9-]{1,76}$/
/** What the letter itself says, or its being sent. */
const OWN: ReadonlySet<string> = new Set([
  ...['from', 'to', 'cc', 'bcc', 'sender', 'reply-to', 'subject', 'date', 'message-id', 'in-reply-to', 'references'],
  ...['return-path', 'auto-submitted', 'mime-version', 'content-type', 'content-transfer-encoding'],
])

/**
 * A letter in the form in which it is sent. It is the same to the byte, and has one Message-ID, however often it is sent because of one
 * message by one reaction.
 * @throws {NonRetryableError} for what would write other headers than its own, or has not one address
 */
export function composed(letter: Letter, { from, name, cause }: { from: string; name: string; cause: Cause }): SendMailOptions {
  const { to, replyTo, subject, text, html, attachments = [], inReplyTo, headers = {} } = letter
  const sender = addressOf('from', letter.from ?? from)
  const recipient = addressOf('to', to)
  for (const [what, value] of Object.entries({ subject, ...headers })) plain(what, value)
  for (const header of Object.keys(headers))
    if (!HEADER.test(header) || OWN.has(header.toLowerCase())) refuse(`the header "${header}" is not one of a letter's own`)
  if (replyTo !== undefined) addressOf('replyTo', replyTo)
  if (inReplyTo !== undefined && !MESSAGE_ID.test(inReplyTo)) refuse('"inReplyTo" is no Message-ID, `<…@…>`')
  for (const { filename, contentType = '' } of attachments) plain('filename', filename + contentType)
  const hash = createHash('sha256')
    .update(JSON.stringify([cause.source, cause.id, name]))
    .digest('base64url')
  return {
    ...{ from: letter.from ?? from, to, replyTo, subject, text, html, inReplyTo, references: inReplyTo },
    // Whoever answers by itself is not to hear of it, or two programs write to each other for ever (RFC 3834).
    envelope: { from: inReplyTo === undefined ? sender : '', to: recipient },
    headers: { ...headers, 'auto-submitted': inReplyTo === undefined ? 'auto-generated' : 'auto-replied' },
    attachments: attachments.map(({ filename, content, contentType }) => ({
      ...{ filename, contentType, content: typeof content === 'string' ? content : Buffer.from(content) },
    })),
    ...{ messageId: `<${hash}@${sender.slice(sender.lastIndexOf('@') + 1)}>`, date: new Date(cause.time), baseBoundary: hash },
    ...{ disableFileAccess: true, disableUrlAccess: true },
  }
}

function addressOf(what: string, given: string): string {
  plain(what, given)
  const address = ADDRESS.exec(given)?.[1]
  return address ?? refuse(`"${what}" is not one address`)
}

function plain(what: string, value: unknown): void {
  if (typeof value !== 'string') refuse(`"${what}" is no text`)
  if (CONTROL.test(value as string)) refuse(`"${what}" holds a line break or another control character`)
}

function refuse(why: string): never {
  throw new NonRetryableError(`Cannot send a letter: ${why}`)
}
