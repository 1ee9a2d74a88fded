/** Documents: parsed, judged, and kept. */
import {
  GraphQLError,
  Kind,
  NoSchemaIntrospectionCustomRule,
  parse,
  specifiedRules,
  validate,
  type DocumentNode,
  type FragmentDefinitionNode,
  type GraphQLSchema,
  type SelectionSetNode,
} from 'graphql'
import type { GraphqlLimits } from './limits.ts'

export type Documents = {
  /** @throws {GraphQLError} when it is no document, or a very long one */
  readonly parse: (text: string) => DocumentNode
  readonly judge: (document: DocumentNode) => readonly GraphQLError[]
}

/** Keeps the newest `documents` texts of at most `body` bytes in all. */
export function createDocuments(
  schema: GraphQLSchema,
  { limits, introspection }: { readonly limits: GraphqlLimits; readonly introspection: boolean },
): Documents {
  const known = new Map<string, DocumentNode>()
  const judged = new WeakMap<DocumentNode, readonly GraphQLError[]>()
  const rules = introspection ? specifiedRules : [...specifiedRules, NoSchemaIntrospectionCustomRule]
  const room = limits.body * 16
  let size = 0
  return {
    parse: (text) => {
      let document = known.get(text)
      if (document !== undefined) return document
      document = parse(text, { maxTokens: limits.tokens, noLocation: false })
      known.set(text, document)
      size += text.length
      for (const [oldest] of known) {
        if (known.size <= limits.documents && size <= room) break
        known.delete(oldest)
        size -= oldest.length
      }
      return document
    },
    judge: (document) => {
      let errors = judged.get(document)
      if (errors === undefined) {
        // The cheap judgement first: rules of the specification take long for what is very large.
        const beyond = beyondLimits(document, limits)
        errors = beyond === undefined ? validate(schema, document, rules, { maxErrors: 20 }) : [beyond]
        judged.set(document, errors)
      }
      return errors
    },
  }
}

/** What of a document is too much, counted as it would be run; work is bounded by what is counted. */
export function beyondLimits(document: DocumentNode, limits: GraphqlLimits): GraphQLError | undefined {
  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const one of document.definitions) if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one)
  let fields = 0
  let aliases = 0
  const open = new Set<string>()

  const count = ({ selections }: SelectionSetNode, depth: number): string | undefined => {
    for (const one of selections) {
      let beyond: string | undefined
      if (one.kind === Kind.FIELD) {
        if (++fields > limits.fields) return `it has more than ${limits.fields} fields`
        if (one.alias !== undefined && ++aliases > limits.aliases) return `it has more than ${limits.aliases} aliases`
        if (depth > limits.depth) return `its fields are more than ${limits.depth} levels deep`
        beyond = one.selectionSet && count(one.selectionSet, depth + 1)
      } else if (one.kind === Kind.INLINE_FRAGMENT) beyond = count(one.selectionSet, depth)
      else {
        const name = one.name.value
        const fragment = fragments.get(name)
        // Each spread counts, or fragments of nothing but fragments would cost nothing.
        if (++fields > limits.fields) return `it has more than ${limits.fields} fields`
        // One within itself is refused by the specification's own rules.
        if (fragment === undefined || open.has(name)) continue
        open.add(name)
        beyond = count(fragment.selectionSet, depth)
        open.delete(name)
      }
      if (beyond !== undefined) return beyond
    }
    return undefined
  }

  for (const one of document.definitions) {
    if (one.kind !== Kind.OPERATION_DEFINITION) continue
    const beyond =
      count(one.selectionSet, 1) ??
      (one.selectionSet.selections.length > limits.calls ? `it asks for more than ${limits.calls} fields at its root` : undefined)
    if (beyond !== undefined)
      return new GraphQLError(`Cannot take the document: ${beyond}`, { nodes: one, extensions: { code: 'TOO_LARGE' } })
  }
  return undefined
}
