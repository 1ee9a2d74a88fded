/** JSON Schema in the registry: judged by the rules that contracts are compared by. */
import { Ajv } from 'ajv'
import { Ajv2019 } from 'ajv/dist/2019.js'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { misreadings } from 'dure/contract/internal'
import { faults } from './fault.ts'
import type { SchemaKind } from './kind.ts'
import { readSchema, sorted } from './text.ts'

const options = { strict: false, validateFormats: false, addUsedSchema: false, logger: false } as const
/** By what `$schema` names; drafts 6 and 7 say the same of all that is looked at here. */
const DRAFTS: readonly (readonly [RegExp, Pick<Ajv, 'validateSchema' | 'errors' | 'errorsText'>])[] = [
  [/draft\/2020-12\//, new Ajv2020(options)],
  [/draft\/2019-09\//, new Ajv2019(options)],
  [/draft-0[67]\//, new Ajv(options)],
]

export const json: SchemaKind = {
  identity: (text) => {
    const schema = readSchema(text)
    if (typeof schema !== 'boolean' && (typeof schema !== 'object' || schema === null || Array.isArray(schema)))
      throw faults.invalidSchema(`a JSON Schema is an object, and this is ${text.slice(0, 40)}`)
    const named = typeof schema === 'object' ? (schema as { readonly $schema?: unknown }).$schema : undefined
    const draft = String(named ?? 'http://json-schema.org/draft-07/schema#')
    const ajv = DRAFTS.find(([pattern]) => pattern.test(draft))?.[1]
    if (ajv === undefined)
      throw faults.invalidSchema(`"$schema" ${JSON.stringify(named)} is not known; use draft 6, 7, 2019-09 or 2020-12`)
    // Without its name: the schema that judges it is one that is here.
    const { $schema: _, ...rest } = (typeof schema === 'object' ? schema : {}) as { readonly $schema?: unknown }
    if (typeof schema === 'object' && !ajv.validateSchema(rest)) throw faults.invalidSchema(ajv.errorsText(ajv.errors))
    try {
      misreadings(schema as never, schema as never)
    } catch (cause) {
      throw faults.invalidSchema((cause as Error).message)
    }
    return JSON.stringify(sorted(schema))
  },
  misreadings: (writer, reader) => misreadings(JSON.parse(writer) as never, JSON.parse(reader) as never),
}
