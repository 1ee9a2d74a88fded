import type { AnyEvent, Message } from '../../contract/contract.ts'
import { hiddenText, privateFieldsOf, withoutValues, type Found, type PrivateFields } from '../../contract/internal.ts'

/** What may be shown of messages of an event whose schema has private fields. */
export type Hiding = {
  readonly message: (message: Message) => Message
  /** Words about a message, such as an error, without what the message hides. */
  readonly words: (text: string, message: Message) => string
  /** Data that somebody changed as they were shown, with what was hidden as it is in the message. */
  readonly restored: (data: string, message: Message) => string
}

const NOTHING: Hiding = { message: (message) => message, words: (text) => text, restored: (data) => data }

export function hidesAnything(event: AnyEvent | undefined): boolean {
  return privateFieldsOf(event?.schema, 'output') !== undefined
}

export function hidingOf(event: AnyEvent | undefined): Hiding {
  const fields = privateFieldsOf(event?.schema, 'output')
  return fields === undefined ? NOTHING : hiding(fields)
}

function hiding(fields: PrivateFields): Hiding {
  const foundIn = (message: Message): readonly Found[] => {
    const json = jsonOf(message.data)
    return json === undefined ? [] : fields.values(json.value)
  }
  return {
    message: (message) => {
      const json = jsonOf(message.data)
      // What cannot be read cannot be looked through.
      if (json === undefined) return { ...message, data: `(${message.data.length} characters that are not JSON)` }
      const isKey = fields.values(json.value).find(({ text }) => text === message.key)
      const key = isKey === undefined ? message.key : hiddenText(isKey.privacy)
      return { ...message, key, data: JSON.stringify(fields.redact(json.value)) }
    },
    words: (text, message) => withoutValues(text, foundIn(message)),
    restored: (data, message) => {
      const [changed, original] = [jsonOf(data), jsonOf(message.data)]
      if (changed === undefined || original === undefined) return data
      const whole = fields.restore(changed.value, original.value)
      return whole === changed.value ? data : JSON.stringify(whole)
    },
  }
}

function jsonOf(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown }
  } catch {
    return undefined
  }
}
