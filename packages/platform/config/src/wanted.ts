/** What a client asks for: applications, profiles and a label, as a path says them. */
import { ConfigFault } from './fault.ts'
import { ENDINGS, type Candidate } from './repositories/repository.ts'

export type Wanted = {
  /** As they were asked for, with commas. */
  readonly application: string
  readonly profile: string
  readonly label: string | undefined
  readonly applications: readonly string[]
  readonly profiles: readonly string[]
}

/** Names of one request, of each kind; characters of one. */
const [MOST_NAMES, LONGEST] = [16, 255]

/** @throws {ConfigFault} 400 when it is nothing that may be asked for */
export function wantedOf(asked: {
  readonly application: string
  readonly profile: string
  readonly label?: string | undefined
}): Wanted {
  const application = slashed(asked.application)
  const label = asked.label === undefined || asked.label === '' ? undefined : slashed(asked.label)
  const { profile } = asked
  const applications = namesOf(application, 'application')
  const profiles = namesOf(profile, 'profile')
  // What is for all applications stands first.
  const all = applications.includes('application') ? applications : ['application', ...applications]
  if (label !== undefined) check(label, 'label')
  return { application, profile, label, applications: [...new Set(all)], profiles: [...new Set(profiles)] }
}

/** `(_)` stands for a slash, which would part a path. */
const slashed = (text: string): string => text.replaceAll('(_)', '/')

function namesOf(text: string, what: string): readonly string[] {
  const names = text
    .split(',')
    .map((each) => each.trim())
    .filter((each) => each !== '')
  if (names.length === 0 || names.length > MOST_NAMES)
    throw new ConfigFault(
      400,
      `Cannot look for settings: give 1 to ${MOST_NAMES} names of ${what}s with commas, not ${names.length}`,
    )
  for (const name of names) {
    check(name, what)
    if (what === 'profile' && name.includes('/'))
      throw new ConfigFault(400, `Cannot look for settings: a profile has no slash, and "${name}" has`)
  }
  return names
}

/** Whatever it is put into, it is a name there and no way out of a folder. */
function check(name: string, what: string): void {
  const odd = /[\p{C}\\:*?"<>|{}$%]/u.test(name) || name.length > LONGEST
  if (odd || name.split('/').some((part) => part === '' || part === '.' || part === '..'))
    throw new ConfigFault(
      400,
      `Cannot look for settings: ${JSON.stringify(name.slice(0, LONGEST))} cannot be the name of a ${what}`,
    )
}

/** The files that may have settings of it, the first goes before the others: as Spring Boot looks for them. */
export function candidatesOf(wanted: Wanted, folders: readonly string[]): readonly Candidate[] {
  const found = new Map<string, Candidate>()
  for (const profile of [...wanted.profiles.toReversed(), undefined])
    for (const folder of foldersOf(wanted, folders).toReversed())
      for (const application of wanted.applications.toReversed())
        for (const ending of ENDINGS) {
          const path = `${folder}${application}${profile === undefined ? '' : `-${profile}`}.${ending}`
          if (!found.has(path)) found.set(path, { path, application, profile })
        }
  return [...found.values()]
}

/** Those that are for each of the applications and profiles that are asked for. */
function foldersOf({ applications, profiles, label }: Wanted, folders: readonly string[]): readonly string[] {
  const all = folders.flatMap((folder) => {
    if (folder.includes('{label}') && label === undefined) return []
    return profiles.flatMap((profile) =>
      applications.map((application) =>
        folder
          .replaceAll('{application}', application)
          .replaceAll('{profile}', profile)
          .replaceAll('{label}', label ?? ''),
      ),
    )
  })
  return [...new Set(all)]
}
