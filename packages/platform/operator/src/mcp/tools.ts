import type { JsonSchema } from 'dure/contract'
import type { OperatorContract, OperatorOperation } from '../part.ts'

/** A tool, as MCP lists it, drawn from an operation. */
export type Tool = {
  readonly name: string
  readonly title: string
  readonly description: string
  readonly inputSchema: JsonSchema
  readonly outputSchema?: JsonSchema
  readonly annotations: {
    readonly readOnlyHint: boolean
    readonly destructiveHint: boolean
    readonly openWorldHint: false
  }
}

/** A tool with what it stands for. */
export type DrawnTool = {
  readonly tool: Tool
  readonly contract: string
  readonly operation: OperatorOperation
  /** What comes back is under `value`: clients take objects only. */
  readonly wrapped: boolean
}

/** Values of a stream that one call waits for, at most. */
export const MOST_VALUES = 100

/** Each operation is a tool. What changes something says so, and needs a reason. */
export function toolsOf(
  contracts: readonly OperatorContract[],
  { readOnly }: { readonly readOnly: boolean },
): ReadonlyMap<string, DrawnTool> {
  const drawn = contracts.flatMap((contract) =>
    contract.operations.filter(({ kind }) => !readOnly || kind !== 'command').map((operation) => toolOf(contract, operation)),
  )
  return new Map(drawn.map((one) => [one.tool.name, one]))
}

function toolOf({ name, description: about }: OperatorContract, operation: OperatorOperation): DrawnTool {
  const changes = operation.kind === 'command'
  const said = [operation.description, about && `(${name}: ${about}.)`, changes && 'It changes the running system.']
  const output = outputOf(operation)
  return {
    contract: name,
    operation,
    wrapped: output !== undefined && operation.kind !== 'stream' && operation.output!['type'] !== 'object',
    tool: {
      name: `${name}.${operation.name}`,
      title: `${name}: ${operation.name}`,
      description: said.filter((part) => typeof part === 'string').join(' '),
      inputSchema: inputOf(operation),
      ...(output !== undefined && { outputSchema: output }),
      annotations: { readOnlyHint: !changes, destructiveHint: changes, openWorldHint: false },
    },
  }
}

const REASON: JsonSchema = { type: 'string', minLength: 1, description: 'Why it is done, for the audit log' }
const VALUES: JsonSchema = {
  ...{ type: 'integer', minimum: 1, maximum: MOST_VALUES, default: 1 },
  description: 'How many values of the stream to wait for',
}

function inputOf({ kind, input }: OperatorOperation): JsonSchema {
  const {
    properties = {},
    required = [],
    ...rest
  } = (input ?? { type: 'object' }) as {
    readonly properties?: JsonSchema
    readonly required?: readonly string[]
  }
  const more = kind === 'command' ? { reason: REASON } : kind === 'stream' ? { values: VALUES } : {}
  const needed = [...required, ...(kind === 'command' ? ['reason'] : [])]
  return {
    ...{ ...rest, properties: { ...properties, ...more } },
    ...(needed.length > 0 && { required: needed }),
    additionalProperties: false,
  }
}

function outputOf({ kind, output }: OperatorOperation): JsonSchema | undefined {
  if (output === undefined) return undefined
  const { $defs, ...schema } = output
  const wrap = (name: string, value: JsonSchema): JsonSchema => ({
    ...{ type: 'object', properties: { [name]: value }, required: [name] },
    ...($defs !== undefined && { $defs }),
  })
  if (kind === 'stream') return wrap('values', { type: 'array', items: schema })
  return schema['type'] === 'object' ? output : wrap('value', schema)
}
