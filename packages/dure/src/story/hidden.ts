import type { AnyContract, AnyEvent, AnyOperation, AnySchema, Message } from '../contract/contract.ts'
import { privateFieldsOf, withoutValues, type PrivateFields } from '../contract/internal.ts'

/** Takes out of what is told what schemas mark as secret or personal. */
export type Hiding = {
  /** The data of a message, as JSON. */
  readonly data: (message: Pick<Message, 'type' | 'data'>) => unknown
  /** Words about a message, which may repeat what stands in its data. */
  readonly words: (text: string, message: Pick<Message, 'type' | 'data'>) => string
  /** What an operation answered. */
  readonly answer: (service: string, operation: string, body: string) => unknown
  /** The declared error that it answered with. */
  readonly refusal: (service: string, operation: string, body: string) => unknown
}

export function createHiding(contracts: readonly AnyContract[], events: readonly AnyEvent[]): Hiding {
  const schemas = new Map<string, AnySchema>()
  for (const event of [...contracts.flatMap((one) => one.events as readonly AnyEvent[]), ...events])
    schemas.set(event.name, event.schema as AnySchema)
  const fieldsOf = (type: string): PrivateFields | undefined => privateFieldsOf(schemas.get(type), 'input')
  const operationOf = (service: string, operation: string): AnyOperation | undefined =>
    (contracts.find(({ name }) => name === service)?.operations as Readonly<Record<string, AnyOperation>> | undefined)?.[
      operation
    ]
  return {
    data: ({ type, data }) => redacted(fieldsOf(type), jsonOf(data)),
    words: (text, { type, data }) => {
      const fields = fieldsOf(type)
      return fields === undefined ? text : withoutValues(text, fields.values(jsonOf(data)))
    },
    answer: (service, operation, body) =>
      redacted(privateFieldsOf(operationOf(service, operation)?.output, 'output'), jsonOf(body)),
    refusal: (service, operation, body) => {
      const error = jsonOf(body) as { readonly code?: string; readonly data?: unknown }
      const declared = Object.values((operationOf(service, operation)?.errors ?? {}) as Declared).find(
        ({ code }) => code === error?.code,
      )
      return error?.data === undefined
        ? error
        : { ...error, data: redacted(privateFieldsOf(declared?.data, 'output'), error.data) }
    },
  }
}

type Declared = Readonly<Record<string, { readonly code: string; readonly data: AnySchema | undefined }>>

const redacted = (fields: PrivateFields | undefined, json: unknown): unknown =>
  fields === undefined ? json : fields.redact(json)

/** What is no JSON is somebody else's text. */
function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
