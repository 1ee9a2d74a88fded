/** The messages of methods: what they take, what they answer, and what they fail with. */
import type { Issue } from 'dure/contract'
import { codecsOf, type Codec } from './codec.ts'
import type { Method, Model, ThriftField } from './types.ts'
import { EXCEPTION, TYPE, type Reader, type Writer } from './wire/wire.ts'

export type Arguments = { readonly input?: unknown; readonly headers?: ReadonlyMap<string, string> }

/** What a method answered. `nothing`: neither a value, where there should be one, nor a declared error. */
export type Result =
  | { readonly kind: 'value'; readonly value: unknown }
  | { readonly kind: 'error'; readonly code: string; readonly message: string; readonly data: unknown }
  | { readonly kind: 'nothing' }

export type MethodCodec = {
  readonly method: Method
  readonly args: Codec
  readonly writeValue: (to: Writer, value: unknown) => void
  readonly writeError: (to: Writer, error: { readonly code: string; readonly message: string; readonly data: unknown }) => void
  readonly readResult: (from: Reader) => Result
}

/** Thrift has no headers: what steers a call, and who calls, is a second argument of every method, which may be left out. */
const HEADERS: ThriftField = {
  ...{ number: 2, name: 'headers', key: 'headers', required: false, absent: undefined },
  type: { kind: 'map', of: 'map', key: { kind: 'scalar', of: 'string' }, value: { kind: 'scalar', of: 'string' } },
}

/** Compiles the methods of a model, by place: `orders.place`. */
export function methodCodecs(model: Model): ReadonlyMap<string, MethodCodec> {
  const codecs = codecsOf(model)
  const compile = (method: Method): MethodCodec => {
    const { input, output, errors, types } = method
    const place = `${types.contract.name}.${types.name}`
    const success = output && codecs.of(output)
    const failures = errors.map(({ code, field }) => ({ code, number: field.number, codec: codecs.of(field.type) }))
    const byCode = new Map(failures.map((one) => [one.code, one]))
    const byNumber = new Map(failures.map((one) => [one.number, one]))
    return {
      method,
      args: codecs.fields(input === undefined ? [HEADERS] : [input, HEADERS], place),
      writeValue: (to, value) => {
        to.begin()
        if (success?.type === TYPE.bool) to.boolField(0, value as boolean)
        else if (success !== undefined) {
          to.field(success.type, 0)
          success.write(to, value)
        }
        to.end()
      },
      writeError: (to, { code, message, data }) => {
        const { number, codec } = byCode.get(code)!
        to.begin()
        to.field(TYPE.struct, number)
        codec.write(to, { message, data })
        to.end()
      },
      readResult: (from) => {
        let result: Result = success === undefined ? { kind: 'value', value: undefined } : { kind: 'nothing' }
        from.begin()
        while (from.field()) {
          const failure = byNumber.get(from.id)
          if (from.id === 0 && success?.type === from.type) result = { kind: 'value', value: success.read(from) }
          else if (failure !== undefined && from.type === TYPE.struct) {
            const { message, data } = failure.codec.read(from) as { readonly message?: string; readonly data?: unknown }
            result = { kind: 'error', code: failure.code, message: message ?? failure.code, data }
          } else from.skip(from.type)
        }
        from.end()
        return result
      },
    }
  }
  return new Map(
    model.services.flatMap(({ contract, methods }) =>
      methods.map((method) => [`${contract.name}.${method.types.name}`, compile(method)] as const),
    ),
  )
}

/** A `TApplicationException`. Beside what all Thrift knows of it: a canonical status, and what is wrong with the input. */
export type ApplicationException = {
  readonly message: string
  readonly type: number
  readonly status?: string | undefined
  readonly issues?: readonly Issue[] | undefined
}

export function writeException(to: Writer, { message, type, status, issues }: ApplicationException): void {
  to.begin()
  to.field(TYPE.string, 1)
  to.string(message.toWellFormed())
  to.field(TYPE.i32, 2)
  to.i32(type)
  // Readers leave out the fields that they do not know.
  if (status !== undefined) {
    to.field(TYPE.string, 3)
    to.string(status)
  }
  if (issues !== undefined) {
    to.field(TYPE.string, 4)
    to.string(JSON.stringify(issues.map(({ path, message }) => ({ path, message }))).toWellFormed())
  }
  to.end()
}

export function readException(from: Reader): ApplicationException {
  let [message, type, status, issues]: [string, number, string | undefined, string | undefined] = [
    '',
    EXCEPTION.unknown,
    undefined,
    undefined,
  ]
  from.begin()
  while (from.field()) {
    if (from.id === 1 && from.type === TYPE.string) message = from.string()
    else if (from.id === 2 && from.type === TYPE.i32) type = from.i32()
    else if (from.id === 3 && from.type === TYPE.string) status = from.string()
    else if (from.id === 4 && from.type === TYPE.string) issues = from.string()
    else from.skip(from.type)
  }
  from.end()
  return { message, type, status, issues: issues === undefined ? undefined : issuesFrom(issues) }
}

function issuesFrom(text: string): readonly Issue[] | undefined {
  try {
    const found: unknown = JSON.parse(text)
    const isIssue = (one: unknown): one is Issue => {
      const { path, message } = (one ?? {}) as Partial<Issue>
      return typeof message === 'string' && Array.isArray(path)
    }
    return Array.isArray(found) ? found.filter(isIssue) : undefined
  } catch {
    return undefined
  }
}
