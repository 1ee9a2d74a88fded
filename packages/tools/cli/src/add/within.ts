/** Changes inside a service that is there: its contract, its handlers, its tests. */
import { CliError, EXIT } from '../shell.ts'
import { callsOf, codeOf, groupIn, itemsOf, valueOf, type Group } from './code.ts'
import { withImport, withItem, type Item } from './edits.ts'
import type { Edit } from './plan.ts'
import { optionsOf, pathTo, type Project, type Source, type Written } from './project.ts'

/** A service with both its files. */
export type Whole = Written & { readonly service: NonNullable<Written['service']>; readonly constant: string }

/** The service that is meant; the only one needs no name. @throws {CliError} when it cannot be told, or its files are not found */
export function serviceNamed({ services }: Project, name: string | undefined): Whole {
  const names = services.map((each) => each.name).join(', ')
  const found =
    name === undefined ? (services.length === 1 ? services[0] : undefined) : services.find((each) => each.name === name)
  if (found === undefined) {
    const why =
      services.length === 0
        ? 'no contract is written out below the folder of the system file; add a service first: dure add service NAME'
        : name === undefined
          ? `there are several services (${names}); say which: --service ${services[0]!.name}`
          : `there is no contract('${name}', …) below the folder of the system file; there are ${names}`
    throw new CliError(`Cannot tell which service is meant: ${why}`, { exitCode: EXIT.misuse })
  }
  const { constant } = found.contract
  if (constant === undefined || found.service === undefined)
    throw new CliError(
      `Cannot add to the service "${found.name}": no service(${constant ?? '…'}, …) is written out for its contract; a service that was deleted comes back from version control`,
    )
  return { ...found, service: found.service, constant }
}

/** Adds to a property of what a contract or a service is made from; the property as well, where it is not there yet. */
export function editIn(options: {
  readonly source: Source
  /** The call and its first argument, such as `service` and `Notes`. */
  readonly call: readonly [name: string, first: string]
  readonly property: string
  readonly item: Item
  /** The group of the value that is added to; default: the value itself. */
  readonly groupOf?: (code: string, value: ReturnType<typeof valueOf>) => Group | undefined
  /** The property with the item in it, where there is none. */
  readonly whole: string
}): Edit {
  const { source, call, property, item, groupOf, whole } = options
  const [name, first] = call
  return {
    file: source.file,
    place: `in "${property}" of ${name}(${first}, …)`,
    put: item.item,
    change: (text) => {
      const code = codeOf(text)
      const made = callsOf(code, name).find(({ group }) => {
        const [given] = itemsOf(code, group)
        return given !== undefined && text.slice(given.start, given.end).replaceAll('"', "'") === first
      })
      const object = made && optionsOf(code, made.group)
      if (object === undefined) return undefined
      const value = valueOf(code, object, property)
      if (value === 'absent') return withItem(text, object, { item: whole, block: true })
      const group = (groupOf ?? ((_, range) => groupIn(code, range, whole.includes('[') ? '[' : '{')))(code, value)
      return group === undefined ? undefined : withItem(text, group, item)
    },
  }
}

export function importIn(file: string, name: string, from: string): Edit {
  return {
    file,
    place: 'at the top',
    put: `import { ${name} } from '${from}'`,
    change: (text) => withImport(text, name, from),
  }
}

/** How a test gets at a service: as the constant it is, or by the system that it stands in. */
export function subjectIn(
  project: Project,
  { service }: Whole,
  test: string,
): { readonly line: string; readonly subject: string } {
  const { constant, source } = service
  if (constant !== undefined && new RegExp(`\\bexport\\s+const\\s+${constant}\\b`).test(source.code.slice(0, service.start)))
    return { line: `import { ${constant} } from '${pathTo(test, source.file)}'`, subject: constant }
  return { line: `import whole from '${pathTo(test, project.system.file)}'`, subject: 'whole' }
}
