/** Operations that are asked for again are run by a plan; all others by the library. */
import {
  execute,
  getOperationAST,
  getVariableValues,
  Kind,
  OperationTypeNode,
  visit,
  type DocumentNode,
  type ExecutionArgs,
  type ExecutionResult,
  type GraphQLSchema,
  type OperationDefinitionNode,
} from 'graphql'
import { planOf, type Plan } from './plan.ts'

export type Execute = (args: ExecutionArgs) => Promise<ExecutionResult> | ExecutionResult

/** What is known of an operation. */
type Known = {
  /** Variables that its conditions read; undefined: the library runs it. */
  readonly conditions: readonly string[] | undefined
  /** By what these variables are. */
  readonly plans: Map<string, Plan>
}

/** Variables that conditions read, in what is planned: there is a plan for each of their values. */
const CONDITIONS = 3
/** Fields of all plans. With more of them all are made anew: what is asked for often is soon there again. */
const PLANNED = 100_000

/** Runs operations that were judged. An operation is planned when it is asked for the second time, since a plan costs more than one execution. */
export function planned(schema: GraphQLSchema): Execute {
  let operations = new WeakMap<OperationDefinitionNode, Known>()
  let fields = 0
  return (args) => {
    const operation = getOperationAST(args.document, args.operationName)
    if (!operation) return execute(args)
    const known = operations.get(operation)
    if (known === undefined) operations.set(operation, { conditions: conditionsIn(args.document, operation), plans: new Map() })
    if (known?.conditions === undefined) return execute(args)

    const { variableValues: variables, errors } = getVariableValues(
      schema,
      operation.variableDefinitions ?? [],
      args.variableValues ?? {},
      { maxErrors: args.options?.maxCoercionErrors ?? 50 },
    )
    if (errors !== undefined) return { errors }
    const values = known.conditions.map((name) => variables.coerced[name])
    const key = values.join()
    let plan = known.plans.get(key)
    if (plan === undefined) {
      // A variable that is null where a condition has to be.
      if (values.some((value) => typeof value !== 'boolean')) return execute(args)
      if (fields >= PLANNED) {
        operations = new WeakMap()
        fields = 0
      }
      const conditions = new Map(known.conditions.map((name, at) => [name, values[at] as boolean]))
      plan = planOf(schema, { ...{ document: args.document, operation, conditions }, counted: () => void fields++ })
      known.plans.set(key, plan)
    }
    return plan({ context: args.contextValue, variables })
  }
}

/** Undefined: it subscribes, asks about the schema, or has what a plan knows nothing of. */
function conditionsIn(document: DocumentNode, { operation }: OperationDefinitionNode): readonly string[] | undefined {
  if (operation === OperationTypeNode.SUBSCRIPTION) return undefined
  const names = new Set<string>()
  let others = false
  visit(document, {
    [Kind.FIELD]: ({ name }) => {
      if (name.value === '__schema' || name.value === '__type') others = true
    },
    [Kind.DIRECTIVE]: ({ name, arguments: given = [] }) => {
      if (name.value !== 'skip' && name.value !== 'include') others = true
      for (const { value } of given) if (value.kind === Kind.VARIABLE) names.add(value.name.value)
    },
  })
  return others || names.size > CONDITIONS ? undefined : [...names]
}
