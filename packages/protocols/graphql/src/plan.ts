/**
 * How an operation is run, found out once for all its requests: what fields it has, of which types, and how the answers of their resolvers are completed. It
 * answers what `execute` of the library answers, which finds out all of this for each request anew (decision 0157).
 */
import {
  getArgumentValues,
  GraphQLError,
  isAbstractType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  locatedError,
  OperationTypeNode,
  responsePathAsArray,
  type DocumentNode,
  type ExecutionResult,
  type FieldNode,
  type GraphQLField,
  type GraphQLFieldResolver,
  type GraphQLObjectType,
  type GraphQLOutputType,
  type GraphQLResolveInfo,
  type GraphQLSchema,
  type OperationDefinitionNode,
  type SelectionSetNode,
  type VariableValues,
} from 'graphql'
import { selection } from './selection.ts'

type Path = GraphQLResolveInfo['path']

/** One execution of a plan. */
type Run = {
  readonly context: unknown
  readonly variables: VariableValues
  readonly errors: GraphQLError[]
  /** What is null in the answer since it has failed: what fails below it is not told as well. */
  readonly failed: Set<Path | undefined>
  /** Nobody waits for what is still to come. */
  answered: boolean
}

export type Plan = (of: Pick<Run, 'context' | 'variables'>) => Promise<ExecutionResult> | ExecutionResult

type PlannedField = {
  /** In the answer. */
  readonly name: string
  /** What the answer has there, or a promise of it. @throws {GraphQLError} where that may not be null, and is */
  readonly answer: (source: unknown, run: Run, parent: Path | undefined) => unknown
}

/** What is there of a value that a resolver has answered, or a promise of it. */
type Complete = (value: unknown, run: Run, path: Path) => unknown

/** What a field is of. */
type Place = {
  readonly parent: GraphQLObjectType
  readonly field: GraphQLField<unknown, unknown>
  readonly nodes: readonly FieldNode[]
}

type Planned = {
  readonly document: DocumentNode
  readonly operation: OperationDefinitionNode
  /** Values of the variables that its conditions read. */
  readonly conditions: ReadonlyMap<string, boolean>
  /** Told of each field. */
  readonly counted: () => void
}

/** @param of a query or a mutation that was judged, without questions about the schema, and with no directives but conditions */
export function planOf(schema: GraphQLSchema, of: Planned): Plan {
  const { operation } = of.operation
  const fields = fieldsOfRoot(schema, of)
  const answers = operation === OperationTypeNode.MUTATION ? inOrder(fields) : completedObject(fields)
  return (given) => {
    const run: Run = { ...given, errors: [], failed: new Set(), answered: false }
    const { errors } = run
    const whole = (found: unknown): ExecutionResult => {
      run.answered = true
      const data = found as Record<string, unknown> | null
      return errors.length > 0 ? { errors, data } : { data }
    }
    const fail = (error: unknown): ExecutionResult => {
      tell(run, error as GraphQLError, undefined)
      return whole(null)
    }
    try {
      const data = answers(undefined, run, undefined)
      return data instanceof Promise ? data.then(whole, fail) : whole(data)
    } catch (error) {
      return fail(error)
    }
  }
}

function fieldsOfRoot(schema: GraphQLSchema, { document, operation, conditions, counted }: Planned): readonly PlannedField[] {
  const selected = selection(schema, { document, conditions })

  function fieldsOf(parent: GraphQLObjectType, sets: readonly SelectionSetNode[]): readonly PlannedField[] {
    return Array.from(selected(parent, sets), ([name, nodes]) => {
      counted()
      return fieldOf(name, { parent, nodes, field: schema.getField(parent, nodes[0]!.name.value)! })
    })
  }

  function fieldOf(name: string, place: Place): PlannedField {
    const { parent, field, nodes } = place
    // Where nothing else is said, a field is what its object has under its name.
    const resolve: GraphQLFieldResolver<unknown, unknown> =
      field.resolve ?? ((from) => (from as Record<string, unknown>)[field.name])
    if (field.name === '__typename') return { name, answer: () => parent.name }
    const [first] = nodes as readonly [FieldNode]
    const { settle, fail } = settled(field.type, place)
    const typename = parent.name
    return {
      name,
      answer: (source, run, prev) => {
        const path: Path = { prev, key: name, typename }
        let given: unknown
        try {
          const args = field.args.length === 0 ? NO_ARGUMENTS : getArgumentValues(field, first, run.variables)
          // Of what it is told of its field, resolvers of this schema read the path.
          given = resolve(source, args, run.context, { path } as GraphQLResolveInfo)
        } catch (error) {
          return fail(error, run, path)
        }
        return settle(given, run, path)
      },
    }
  }

  /** Completes what may still be to come. What fails is null, and told; where that may not be, whatever it is part of fails. */
  function settled(type: GraphQLOutputType, place: Place): { readonly settle: Complete; readonly fail: Complete } {
    const complete = completed(type, place)
    const isRequired = isNonNullType(type)
    const fail: Complete = (error, run, path) => {
      const told = locatedError(error, place.nodes, responsePathAsArray(path))
      if (isRequired) throw told
      tell(run, told, path)
      return null
    }
    const later = async (given: Promise<unknown>, run: Run, path: Path): Promise<unknown> => {
      try {
        const value = await given
        if (run.answered) return null
        const found = complete(value, run, path)
        return found instanceof Promise ? await found : found
      } catch (error) {
        return fail(error, run, path)
      }
    }
    return {
      fail,
      settle: (given, run, path) => {
        try {
          if (given instanceof Promise) return later(given, run, path)
          const found = complete(given, run, path)
          return found instanceof Promise ? found.then(undefined, (error: unknown) => fail(error, run, path)) : found
        } catch (error) {
          return fail(error, run, path)
        }
      },
    }
  }

  function completed(type: GraphQLOutputType, place: Place): Complete {
    const { parent, field } = place
    const isRequired = isNonNullType(type)
    const complete = completedValue(isRequired ? type.ofType : type, place)
    return (value, run, path) => {
      if (value instanceof Error) throw value
      if (value !== null && value !== undefined) return complete(value, run, path)
      if (isRequired) throw new Error(`Cannot return null for non-nullable field ${parent.name}.${field.name}.`)
      return null
    }
  }

  /** Of a value that is there. */
  function completedValue(type: GraphQLOutputType, place: Place): Complete {
    const { parent, field, nodes } = place
    if (isLeafType(type))
      return (value) => {
        const found: unknown = type.coerceOutputValue(value)
        if (found !== null && found !== undefined) return found
        throw new Error(`Expected "${type.name}" to have a form for the value of ${parent.name}.${field.name}`)
      }
    if (isListType(type)) return completedList(settled(type.ofType, place).settle, place)
    const sets = nodes.flatMap(({ selectionSet }) => selectionSet ?? [])
    if (isObjectType(type)) return completedObject(fieldsOf(type, sets))
    if (!isAbstractType(type)) throw new TypeError(`Cannot complete "${String(type)}"`)
    const objects = new Map(schema.getPossibleTypes(type).map((one) => [one.name, completedObject(fieldsOf(one, sets))]))
    return (value, run, path) => {
      const name = type.resolveType!(value, run.context, { path } as GraphQLResolveInfo, type) as string | undefined
      const complete = objects.get(name!)
      if (complete !== undefined) return complete(value, run, path)
      throw new GraphQLError(
        `Abstract type "${type.name}" must resolve to an Object type at runtime for field "${parent.name}.${field.name}". Either the "${type.name}" type should provide a "resolveType" function or each possible type should provide an "isTypeOf" function.`,
        { nodes },
      )
    }
  }

  return fieldsOf(schema.getRootType(operation.operation)!, [operation.selectionSet])
}

function completedList(settle: Complete, { parent, field }: Place): Complete {
  return (value, run, path) => {
    if (typeof value !== 'object' || !(Symbol.iterator in value!))
      throw new GraphQLError(`Expected Iterable, but did not find one for field "${parent.name}.${field.name}".`)
    const items: unknown[] = []
    const waiting: Promise<unknown>[] = []
    try {
      for (const one of value as Iterable<unknown>) {
        const at = items.length
        const item = settle(one, run, { prev: path, key: at, typename: undefined })
        if (item instanceof Promise) waiting.push(item.then((found) => (items[at] = found)))
        items.push(item)
      }
    } catch (error) {
      throw forgotten(waiting, error)
    }
    return waiting.length === 0 ? items : Promise.all(waiting).then(() => items)
  }
}

function completedObject(fields: readonly PlannedField[]): (source: unknown, run: Run, path: Path | undefined) => unknown {
  const empty = emptyOf(fields)
  return (source, run, path) => {
    const answer = { ...empty }
    let waiting: Promise<unknown>[] | undefined
    try {
      for (const { name, answer: answerOf } of fields) {
        const found = answerOf(source, run, path)
        if (found instanceof Promise) (waiting ??= []).push(found.then((one) => (answer[name] = one)))
        else answer[name] = found
      }
    } catch (error) {
      throw forgotten(waiting ?? [], error)
    }
    return waiting === undefined ? answer : Promise.all(waiting).then(() => answer)
  }
}

/** One after the other, as commands are done. */
function inOrder(fields: readonly PlannedField[]): (source: unknown, run: Run, path: Path | undefined) => Promise<object> {
  const empty = emptyOf(fields)
  return async (source, run, path) => {
    const answer = { ...empty }
    for (const { name, answer: answerOf } of fields) {
      const found = answerOf(source, run, path)
      answer[name] = found instanceof Promise ? await found : found
    }
    return answer
  }
}

/** Its names in order, with nothing there: one shape for all answers, and also `__proto__` is only a name in it. */
const emptyOf = (fields: readonly PlannedField[]): Record<string, unknown> =>
  Object.fromEntries(fields.map(({ name }) => [name, undefined]))

/** What stands in something that is null for an error of its own is not told. */
function tell({ errors, failed }: Run, error: GraphQLError, path: Path | undefined): void {
  for (let at = path; at !== undefined; at = at.prev) if (failed.has(at)) return
  if (failed.has(undefined)) return
  failed.add(path)
  errors.push(error)
}

/** What else was asked for beside what has failed ends by itself, and nobody waits for it. */
function forgotten(waiting: readonly Promise<unknown>[], error: unknown): unknown {
  for (const one of waiting) one.catch(() => {})
  return error
}

const NO_ARGUMENTS = Object.freeze({})
