/** A contract in protobuf's own language. */
import type { AnyContract } from 'dure/contract'
import type { ProtoEnum, ProtoField, ProtoMessage, ProtoType } from './messages.ts'
import { snake } from './names.ts'
import { packageOf, type ProtoMethod, type ProtoNames, type ProtoPackage } from './package.ts'

/**
 * The .proto file of a contract: what `dure docs --format proto` writes.
 *
 * @example
 * ```ts
 * import { protoDocument } from '@dure/grpc'
 * import { contract, query } from 'dure/contract'
 * import { z } from 'zod'
 *
 * const Clock = contract('clock', { version: '1.0.0', owner: 'team-time', operations: { now: query({ output: z.date() }) } })
 * console.log(protoDocument(Clock).text.includes('rpc Now(google.protobuf.Empty) returns (ClockNowResponse)')) // → true
 * ```
 * @param names how a door calls it, if not by its own name
 * @throws {TypeError} when a field has no number, with what to do
 */
export function protoDocument(contract: AnyContract, names?: ProtoNames): { readonly file: string; readonly text: string } {
  const all = packageOf(contract, names)
  const parts = [
    `syntax = "proto3";`,
    `package ${all.name};`,
    importsOf(all)
      .map((file) => `import "${file}";`)
      .join('\n'),
    commented(contract.description) + block(`service ${all.service}`, all.methods.map(methodText)),
    ...all.enums.map((one) => enumText(one, all)),
    ...all.messages.map((one) => messageText(one, all)),
  ]
  return { file: all.file, text: `${parts.filter((part) => part !== '').join('\n\n')}\n` }
}

/** Of protobuf's own files, those that a package needs. */
export function importsOf({ methods, messages }: ProtoPackage): readonly string[] {
  const types = messages.flatMap(({ fields }) => fields.map(({ type }) => type))
  const used = [
    ...types.flatMap((type) => (type.kind === 'message' ? [type.message] : [])),
    ...methods.flatMap(({ request, response, errors }) => [request, response, ...errors.values()]),
  ]
  return [...new Set(used.flatMap(({ imported }) => imported ?? []))].toSorted()
}

const block = (head: string, lines: readonly string[]): string =>
  lines.length === 0 ? `${head} {}` : `${head} {\n${lines.map((line) => line.replaceAll(/^(?=.)/gm, '  ')).join('\n')}\n}`

function commented(text: string | undefined): string {
  const lines = (text ?? '').split('\n').map((line) => line.trimEnd())
  return lines.length === 1 && lines[0] === '' ? '' : lines.map((line) => `// ${line}`.trimEnd()).join('\n') + '\n'
}

function methodText({ name, request, response, streams, operation }: ProtoMethod): string {
  const { kind, description, idempotent, deprecated } = operation.operation
  const side = (streamed: boolean, { name: type }: ProtoMessage): string => `(${streamed ? 'stream ' : ''}${type})`
  const codes = operation.errors.map(({ code }) => code)
  const notes = [description, codes.length > 0 ? `Errors: ${codes.join(', ')}.` : undefined].filter((one) => one !== undefined)
  const level = kind === 'query' ? 'NO_SIDE_EFFECTS' : kind === 'command' && idempotent ? 'IDEMPOTENT' : undefined
  const options = [
    ...(level === undefined ? [] : [`option idempotency_level = ${level};`]),
    ...(deprecated ? ['option deprecated = true;'] : []),
  ]
  const head = `rpc ${name}${side(streams.request, request)} returns ${side(streams.response, response)}`
  return commented(notes.join('\n')) + (options.length === 0 ? `${head};` : block(head, options))
}

function enumText({ name, type, description, zero, values }: ProtoEnum, all: ProtoPackage): string {
  const lines = values.map((one) => `${one.name} = ${one.number};`)
  const unused = reserved(all.retired(type), [])
  return commented(description) + block(`enum ${name}`, [...unused, `${zero} = 0;`, ...lines])
}

function messageText({ name, description, fields, form, type }: ProtoMessage, all: ProtoPackage): string {
  const lines = fields.map((field) => commented(field.description) + fieldText(field, form === 'union'))
  const body = form === 'union' ? [block('oneof value', lines)] : lines
  const unused = type === undefined ? [] : reserved(all.retired(type), fields)
  return commented(description) + block(`message ${name}`, [...unused, ...body])
}

/** What was there once: neither its number nor, where nothing is called so now, its name may come back. */
function reserved(gone: ReturnType<ProtoPackage['retired']>, fields: readonly ProtoField[]): readonly string[] {
  if (gone.length === 0) return []
  const names = new Set(
    gone.map(([name]) => snake(name)).filter((name) => name !== '' && fields.every((one) => one.name !== name)),
  )
  return [
    `reserved ${gone.map(([, number]) => number).join(', ')};`,
    ...(fields.length === 0 || names.size === 0 ? [] : [`reserved ${[...names].map((name) => `"${name}"`).join(', ')};`]),
  ]
}

function fieldText(field: ProtoField, inUnion: boolean): string {
  const { name, key, number, type, holds, absent, mapKey } = field
  const text = typeText(type)
  const label =
    holds === 'map' || holds === 'record'
      ? `map<${typeText(mapKey!)}, ${text}>`
      : holds !== 'one'
        ? `repeated ${text}`
        : absent !== 'default' && type.kind !== 'message' && !inUnion
          ? `optional ${text}`
          : text
  const json = inUnion || jsonName(name) === key ? '' : ` [json_name = ${JSON.stringify(key)}]`
  return `${label} ${name} = ${number}${json};`
}

/** As protobuf makes one of a field's name. */
export const jsonName = (name: string): string => name.replaceAll(/_+(\w?)/g, (_, letter: string) => letter.toUpperCase())

const typeText = (type: ProtoType): string =>
  type.kind === 'scalar' ? type.scalar : type.kind === 'enum' ? type.enum.name : type.message.name
