import { posix } from 'node:path'
import type { Finding } from './finding.ts'
import { browserClients, isConformance, isTest, rooms } from './rules.ts'
import type { Import, Source, Tree } from './sources.ts'

const ROOMS = 'packages/dure/src/'

/** Arrows between the rooms of `dure`: one way. Tests may look to the right. */
export function checkRooms({ sources }: Tree): readonly Finding[] {
  return [...sources.values()].flatMap((source) => {
    const room = roomOf(source.path)
    if (room === undefined) return []
    if (!Object.hasOwn(rooms, room)) {
      return [
        {
          file: source.path,
          line: 1,
          rule: 'rooms',
          found: `The room "${room}" is not in the house.`,
          remedy: 'Add it to `rooms` in checks/layering/rules.ts, with the rooms it may know.',
        },
      ]
    }
    if (isTest(source.path)) return []
    return source.imports.flatMap(({ target, specifier, line }) => {
      const other = target === undefined ? undefined : roomOf(target)
      if (other === undefined || other === room || rooms[room]!.includes(other)) return []
      return {
        file: source.path,
        line,
        rule: 'rooms',
        found: `"${room}" imports "${specifier}" of "${other}".`,
        remedy: `"${room}" may know ${list(rooms[room]!)}. Declare what it needs as a type of its own, and let ${other} give it.`,
      }
    })
  })
}

function roomOf(path: string): string | undefined {
  if (!path.startsWith(ROOMS)) return undefined
  const [room, rest] = path.slice(ROOMS.length).split('/')
  return rest === undefined ? undefined : room
}

/** The second door of a room of `dure`: what the other rooms and Dure's own packages need of it, and users do not. */
const INTERNAL = 'internal.ts'
const isRoom = (folder: string): boolean => folder.startsWith(ROOMS) && !folder.slice(ROOMS.length).includes('/')

/**
 * A folder of a package is entered by its door, the file named like it, or by a published subpath. A folder without
 * a door is a shelf: only the files of the folder that it stands in may reach into it.
 */
export function checkDoors(tree: Tree): readonly Finding[] {
  const published = new Set(tree.packages.flatMap(({ subpaths }) => Object.values(subpaths)))
  return [...tree.sources.values()]
    .filter(({ path }) => path.startsWith('packages/') && !browserClients.some((client) => path.startsWith(client)))
    .flatMap((source) => source.imports.flatMap((each) => climbedIn(tree, source, each, published) ?? []))
}

function climbedIn(
  { sources }: Tree,
  source: Source,
  { target, specifier, line }: Import,
  published: ReadonlySet<string>,
): Finding | undefined {
  if (target === undefined || published.has(target)) return undefined
  if (isConformance(target) && isTest(source.path)) return undefined
  for (const folder of foldersEntered(source.path, target)) {
    const door = `${folder}/${posix.basename(folder)}.ts`
    if (target === door || (target === `${folder}/${INTERNAL}` && isRoom(folder))) return undefined
    const hasDoor = sources.has(door)
    if (!hasDoor && posix.dirname(folder) === posix.dirname(source.path)) continue
    return {
      file: source.path,
      line,
      rule: 'doors',
      found: `"${specifier}" climbs into the folder "${folder}" by a window.`,
      remedy: hasDoor
        ? `Import from its door, "${door}"; what the door does not show is not for others.`
        : `Give it a door, "${door}"; a folder without one is for the files beside it only.`,
    }
  }
  return undefined
}

/** The folders that hold `to` and do not hold `from`, outermost first. */
function foldersEntered(from: string, to: string): readonly string[] {
  const folders = to.split('/').slice(0, -1)
  return folders.map((_, index) => folders.slice(0, index + 1).join('/')).filter((folder) => !from.startsWith(`${folder}/`))
}

function list(names: readonly string[]): string {
  return names.length === 0 ? 'nobody' : names.map((name) => `"${name}"`).join(', ')
}
