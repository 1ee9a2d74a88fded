/** SOAP over mail: an envelope that comes by mail is answered by a mail, read and written as over HTTP. */
import { createHash } from 'node:crypto'
import {
  CallError,
  command,
  contract as define,
  event,
  STATUSES,
  type AnyContract,
  type Contract,
  type DeclaredError,
  type EventType,
  type Operation,
  type Schema,
} from 'dure/contract'
import { database } from 'dure/data'
import { declaredErrors, failureOf, Refusal } from 'dure/door/internal'
import { service, type ReactionOptions, type ReceivedEvent, type Service, type ServiceContext } from 'dure/service'
import { z } from 'zod'
import { envelopeOf, readEnvelope, SoapRefusal, V11 } from './envelope.ts'
import { faultToXml } from './fault.ts'
import { limitsOf, type SoapLimits } from './limits.ts'
import { modelOf, type SoapModel } from './model.ts'
import { envelopeOperations, type Asked } from './operations.ts'

type Asking = { from: string; messageId: string; subject: string; envelope: Uint8Array<ArrayBuffer> }
type Answer = { to: string; inReplyTo: string; subject: string; type: string; envelope: string }
type Answered = EventType<string, Schema<Answer, Answer>>

const Asking: Schema<Asking, Asking> = z.object({
  ...{ from: z.string(), messageId: z.string(), subject: z.string() },
  envelope: z.instanceof(Uint8Array),
})
const Answer: Schema<Answer, Answer> = z.object({
  ...{ to: z.string(), inReplyTo: z.string(), subject: z.string(), type: z.string(), envelope: z.string() },
})
type Take = Operation<'command', Schema<Asking, Asking>, undefined, {}>

/** A mail as `@dure/mail` has read it, as far as it matters. */
export type MailWithEnvelope = {
  readonly messageId: string | undefined
  readonly from: string | undefined
  readonly subject: string
  readonly attachments: readonly { readonly contentType: string; readonly content: Uint8Array }[]
}

/** The letter that answers, as `sendMail` of `@dure/mail` takes it. */
export type EnvelopeLetter = {
  readonly to: string
  readonly subject: string
  readonly inReplyTo: string
  readonly attachments: readonly { readonly filename: string; readonly content: string; readonly contentType: string }[]
}

type Reaction = ReactionOptions<Answered, { target: AnyContract }, {}, string | undefined>

export type SoapMailOptions = {
  /** What sends a letter: `(letter) => sendMail({ server, from, letter })` of `@dure/mail`. */
  readonly send: (letter: (event: ReceivedEvent<Answered>) => EnvelopeLetter) => Reaction
  /** Default: `urn:dure:orders:1`, with the contract's name and major version. */
  readonly namespace?: string
  readonly limits?: Partial<Pick<SoapLimits, 'body' | 'depth' | 'attributes' | 'elements' | 'deadline'>>
}

export type SoapMail = {
  /** `orders-mail`: its `take` is the command that mails become. */
  readonly contract: Contract<string, { take: Take }>
  readonly service: Service
  /** Makes the command's input of a mail. @throws {CallError} INVALID_ARGUMENT for one that could not be answered */
  readonly input: (mail: MailWithEnvelope) => Asking
}

/**
 * Makes a service that answers envelopes which come by mail: its command calls the contract's operation, and commits the answer, or the fault, as a
 * letter. A mail that comes again, with its `Message-ID`, is answered once; commands are called with an idempotency key made of it. What fails for a
 * while is no fault: the command fails, and whoever brought the mail brings it again.
 * @throws {TypeError} for what SOAP could not tell apart
 *
 * @example
 * ```ts
 * import { into, sendMail, smtp } from '@dure/mail'
 * import { soapMail } from '@dure/soap'
 * import { contract, query } from 'dure/contract'
 * import { service, system } from 'dure/service'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * const clock = service(Clock, { handlers: { now: (_, { clock }) => new Date(clock.now()) } })
 * const server = { host: 'smtp.shop.example', user: 'clock', password: () => process.env['SMTP_PASSWORD'] ?? '' }
 * const mail = soapMail(Clock, { send: (letter) => sendMail({ server, from: 'clock@shop.example', letter }) })
 * const door = smtp({ port: 0, into: [into(mail.contract, 'take', { to: 'clock@shop.example', input: mail.input })] })
 * const time = system('time', { services: [clock, mail.service], doors: [door], security: 'off' })
 * console.log(time.services.map(({ contract }) => contract.name)) // → [ 'clock', 'clock-mail' ]
 * ```
 */
export function soapMail(contract: AnyContract, options: SoapMailOptions): SoapMail {
  const { send, namespace } = options
  const limits = limitsOf(options.limits)
  const model = modelOf(contract, namespace)
  const answer = answerer(model, limits)
  const answered = event(`${contract.name}-mail.answered`, { schema: Answer, key: ({ inReplyTo }) => inReplyTo })
  const longest = Math.max(...model.operations.map(({ types }) => types.operation.deadline))
  const own = define(`${contract.name}-mail`, {
    version: contract.version,
    owner: contract.owner,
    operations: { take: command({ input: Asking, deadline: longest + MARGIN }) },
    events: [answered],
  })
  const letter = ({ data: { to, inReplyTo, subject, type, envelope } }: ReceivedEvent<Answered>): EnvelopeLetter => ({
    ...{ to, inReplyTo, subject: `Re: ${subject}` },
    attachments: [{ filename: 'answer.xml', content: envelope, contentType: type }],
  })
  return {
    contract: own,
    input: inputOf,
    service: service(own, {
      needs: { target: contract },
      database: database({ migrations: {} }),
      handlers: {
        take: async (asking, context) => {
          const { from: to, messageId: inReplyTo, subject } = asking
          const said = await answer(asking, context, context.target as unknown as Target)
          await context.database.transaction(async (tx) => {
            await tx.publish(answered, { to, inReplyTo, subject, ...said })
            await tx.answer()
          })
        },
      },
      subscriptions: ({ on }) => [on(answered, send(letter))],
    }),
  }
}

/** Milliseconds for what stands around a call. */
const MARGIN = 5_000
const MESSAGE_ID = /^<[^\s<>@]+@[^\s<>@]+>$/
const XML = /^(?:text\/xml|application\/soap\+xml)$/i

function inputOf({ messageId = '', from = '', subject, attachments }: MailWithEnvelope): Asking {
  const found = attachments.filter(({ contentType }) => XML.test(contentType))
  const refuse = (why: string): never => {
    throw new CallError('INVALID_ARGUMENT', `The mail cannot be answered: ${why}`)
  }
  if (found.length !== 1) refuse('it has no envelope, or several; send one as text/xml or application/soap+xml')
  if (!MESSAGE_ID.test(messageId)) refuse('it has no Message-ID, by which its answer would be known')
  if (from === '') refuse('it does not say whom it is from')
  // An encoded subject may hold what no header may.
  return {
    from,
    messageId,
    subject: subject.replaceAll(/\p{C}|[\u2028\u2029]/gu, ' ').slice(0, 200),
    envelope: new Uint8Array(found[0]!.content),
  }
}

type Target = Readonly<Record<string, (input: unknown, options: object) => Promise<unknown>>>
type Answerer = (asking: Asking, context: ServiceContext, target: Target) => Promise<Pick<Answer, 'type' | 'envelope'>>

function answerer(model: SoapModel, limits: SoapLimits): Answerer {
  const asks = envelopeOperations(model)
  return async ({ from, messageId, envelope: bytes }, { correlationId, log }, target) => {
    let soap = V11
    let asked: Asked | undefined
    try {
      if (bytes.length > limits.body) throw new Refusal('BODY_TOO_LARGE', `The envelope has more than ${limits.body} bytes`)
      const envelope = readEnvelope(bytes, limits)
      soap = envelope.soap
      asked = asks(envelope, { header: () => undefined, deadline: limits.deadline })
      const { called, content, header, steering } = asked
      if (header('authorization') !== undefined)
        throw new CallError('UNAUTHENTICATED', 'A UsernameToken says nothing in a mail; log in where the mail is sent')
      const place = `${model.contract.name}.${called.types.name}`
      const input = called.read(content)
      if (!input.ok)
        throw new Refusal('INVALID_ARGUMENT', `Cannot call ${place}: the input does not match its contract`, input.issues)
      const { timeout, idempotencyKey = keyOf(from, messageId), metadata } = steering
      const more = { ...(timeout !== undefined && { timeout }), ...(metadata !== undefined && { metadata }) }
      const keyed = called.types.operation.kind === 'command' ? { idempotencyKey } : {}
      const value = await target[called.types.name]!(input.input, { ...more, ...keyed })
      return { type: soap.contentType, envelope: envelopeOf(soap, called.write(value)) }
    } catch (error) {
      if (error instanceof CallError && STATUSES[error.code].retryable) throw error
      const declared = asked && declaredErrors(asked.called.types.operation)
      const { failure, hidden } = failureOf(error, { correlationId, declared })
      if (hidden) log.error('Cannot answer an envelope that came by mail', { correlationId, error })
      const own = error instanceof SoapRefusal ? error : undefined
      if (own !== undefined) soap = own.soap
      const element = failure.by === 'contract' ? asked?.called.declared(error as DeclaredError) : undefined
      const fault = faultToXml({ soap, failure, correlationId, own: own?.fault, declared: element })
      return { type: soap.contentType, envelope: envelopeOf(soap, fault) }
    }
  }
}

const keyOf = (...words: readonly string[]): string =>
  `soap-mail:${createHash('sha256').update(JSON.stringify(words)).digest('base64url')}`
