/** Which fields are asked of a type: those of its selections and of the fragments in them, by their names in the answer. */
import {
  isAbstractType,
  Kind,
  type DocumentNode,
  type FieldNode,
  type FragmentDefinitionNode,
  type GraphQLObjectType,
  type GraphQLSchema,
  type SelectionNode,
  type SelectionSetNode,
} from 'graphql'

/** @param of.conditions values of the variables that conditions read */
export function selection(
  schema: GraphQLSchema,
  { document, conditions }: { readonly document: DocumentNode; readonly conditions: ReadonlyMap<string, boolean> },
): (parent: GraphQLObjectType, sets: readonly SelectionSetNode[]) => ReadonlyMap<string, readonly FieldNode[]> {
  function isOf(condition: string | undefined, type: GraphQLObjectType): boolean {
    if (condition === undefined || condition === type.name) return true
    const other = schema.getType(condition)
    return isAbstractType(other) && schema.isSubType(other, type)
  }

  const fragments = new Map<string, FragmentDefinitionNode>()
  for (const one of document.definitions) if (one.kind === Kind.FRAGMENT_DEFINITION) fragments.set(one.name.value, one)

  return (parent, sets) => {
    const byName = new Map<string, FieldNode[]>()
    const spread = new Set<string>()
    const collect = ({ selections }: SelectionSetNode): void => {
      for (const one of selections) {
        if (!isIncluded(one, conditions)) continue
        if (one.kind === Kind.FIELD) {
          const name = (one.alias ?? one.name).value
          const same = byName.get(name)
          if (same === undefined) byName.set(name, [one])
          else same.push(one)
          continue
        }
        if (one.kind === Kind.FRAGMENT_SPREAD && spread.has(one.name.value)) continue
        if (one.kind === Kind.FRAGMENT_SPREAD) spread.add(one.name.value)
        const fragment = one.kind === Kind.FRAGMENT_SPREAD ? fragments.get(one.name.value)! : one
        if (isOf(fragment.typeCondition?.name.value, parent)) collect(fragment.selectionSet)
      }
    }
    for (const one of sets) collect(one)
    return byName
  }
}

function isIncluded({ directives = [] }: SelectionNode, conditions: ReadonlyMap<string, boolean>): boolean {
  return directives.every(({ name, arguments: given }) => {
    const value = given![0]!.value
    const holds = value.kind === Kind.VARIABLE ? conditions.get(value.name.value) : value.kind === Kind.BOOLEAN && value.value
    return holds === (name.value === 'include')
  })
}
