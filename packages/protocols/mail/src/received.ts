/** A mail that has come, read from its bytes. */
import { simpleParser, type ParsedMail } from 'mailparser'
import type { MailLimits } from './limits.ts'

/** Why nobody is to answer a mail: it says that another was not delivered, answers by itself, was made by a program, or is for a list. */
export type Automatic = 'bounce' | 'reply' | 'generated' | 'list'

export type ReceivedMail = {
  /** With its angle brackets, as the sender gave it. */
  readonly messageId: string | undefined
  /** The first address of `From`. Nothing proves it. */
  readonly from: string | undefined
  /** Whom it came for: the recipients that SMTP named, or in a mailbox those of `To` and `Cc`. */
  readonly to: readonly string[]
  readonly subject: string
  readonly date: Date | undefined
  /** Its plain text; empty when it has none. */
  readonly text: string
  /** Its HTML as it came: whoever shows it makes it harmless. */
  readonly html: string | undefined
  readonly inReplyTo: string | undefined
  readonly references: readonly string[]
  readonly attachments: readonly MailAttachment[]
  readonly automatic: Automatic | undefined
  /** A header as it stands, without its folds; the first of several. */
  readonly header: (name: string) => string | undefined
}

export type MailAttachment = {
  readonly filename: string | undefined
  readonly contentType: string
  readonly content: Uint8Array
}

/** What SMTP says of a mail outside of it. */
export type Envelope = {
  /** Empty: nobody wants to hear that it was not delivered. */
  readonly sender: string
  readonly recipients: readonly string[]
}

export type ReadMail = { readonly ok: true; readonly mail: ReceivedMail } | { readonly ok: false; readonly why: string }

/** Never throws: bytes that are no mail, or one of more parts or longer headers than the limits, are said to be so. */
export async function readMail(
  bytes: Buffer,
  limits: Pick<MailLimits, 'headers' | 'parts' | 'hops'>,
  envelope?: Envelope,
): Promise<ReadMail> {
  let parsed: ParsedMail
  try {
    parsed = await simpleParser(bytes, {
      ...{ maxHeadSize: limits.headers, maxChildNodes: limits.parts, ignoreEmbedded: true, keepCidLinks: true },
      // What can be made of a mail costs more than the mail; whoever needs it makes it.
      ...{ skipHtmlToText: true, skipTextToHtml: true, skipTextLinks: true, checksumAlgo: false },
    })
  } catch (error) {
    return { ok: false, why: `it cannot be read: ${(error as Error).message}` }
  }
  const lines = parsed.headerLines ?? []
  const hops = lines.filter(({ key }) => key === 'received').length
  if (hops > limits.hops) return { ok: false, why: `it has come through ${hops} servers, so it goes round in a loop` }
  const header = (name: string): string | undefined => {
    const line = lines.find(({ key }) => key === name.toLowerCase())?.line
    // The parser keeps lines as bytes.
    return (
      line &&
      Buffer.from(line, 'latin1')
        .toString()
        .slice(name.length + 1)
        .replaceAll(/\r?\n(?=[ \t])/g, '')
        .trim()
    )
  }
  const sent = new Date(header('date') ?? '')
  const { messageId, inReplyTo, references = [], subject = '', text = '', html } = parsed
  const named = [parsed.to, parsed.cc]
    .flatMap((one) => one ?? [])
    .flatMap(({ value }) => value.flatMap(({ address }) => address ?? []))
  return {
    ok: true,
    mail: {
      ...{ messageId, inReplyTo, subject, text, header },
      from: parsed.from?.value[0]?.address,
      to: envelope?.recipients ?? named,
      // The parser takes the present for a date that is none.
      date: Number.isNaN(sent.getTime()) ? undefined : sent,
      html: html === false ? undefined : html,
      references: typeof references === 'string' ? [references] : references,
      attachments: parsed.attachments.map(({ filename, contentType, content }) => ({ filename, contentType, content })),
      automatic: automaticOf(header, envelope),
    },
  }
}

/** By the headers of RFC 3834, and those that were used before it. */
function automaticOf(header: (name: string) => string | undefined, envelope: Envelope | undefined): Automatic | undefined {
  const said = (name: string): string => (header(name) ?? '').toLowerCase()
  const nobody = envelope === undefined ? said('return-path') === '<>' : envelope.sender === ''
  const submitted = said('auto-submitted').split(/[;( ]/)[0]!
  // Who answers by itself has no return path either, and says what it is.
  if (submitted === 'auto-replied' || header('x-autoreply') !== undefined || header('x-autorespond') !== undefined) return 'reply'
  if (nobody || said('content-type').startsWith('multipart/report') || /mailer-daemon@/.test(said('from'))) return 'bounce'
  if (/^(auto_reply|auto-reply)$/.test(said('precedence'))) return 'reply'
  if (submitted !== '' && submitted !== 'no') return 'generated'
  if (header('list-id') !== undefined || /^(bulk|list|junk)$/.test(said('precedence'))) return 'list'
  return undefined
}
