import { DeployError } from '../errors.ts'
import type { Release } from '../release.ts'
import type { Wanted } from './port.ts'

/** A release in names of files, units and containers: the first twelve digits of its digest. */
export function idOf({ digest }: Pick<Release, 'digest'>): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12)
}

const MOST_COPIES = 64

/** What no target can do, in words; a number of copies is whole, and names of variables are names. */
export function environmentProblems({ copies, settings = {}, secrets = {} }: Omit<Wanted, 'release'>): readonly string[] {
  const problems: string[] = []
  if (!Number.isInteger(copies) || copies < 1 || copies > MOST_COPIES)
    problems.push(`it is to have ${String(copies)} copies; give a whole number from 1 to ${MOST_COPIES}`)
  for (const [name, value] of [...Object.entries(settings), ...Object.entries(secrets)]) {
    if (!/^[A-Za-z_]\w*$/.test(name)) problems.push(`"${name}" is no name of an environment variable`)
    if (/[\0\n\r]/.test(value))
      problems.push(`the value of "${name}" has a line break or a zero byte, which an environment file cannot hold`)
  }
  for (const name of Object.keys(secrets))
    if (Object.hasOwn(settings, name)) problems.push(`"${name}" is among the settings and the secrets; give it once`)
  return problems
}

/** An error of a target: what it could not do, all the reasons, and what to do stands in each. */
export function describedTrouble(what: string, reasons: readonly string[], cause?: unknown): DeployError {
  return new DeployError('TARGET', `Cannot ${what}: ${reasons.join('; ')}`, { cause })
}

/** Why calls cannot be shared like this, in words. @param takes whether a release has a copy that could take calls */
export function shareProblems(shares: Readonly<Record<string, number>>, takes: (digest: string) => boolean): readonly string[] {
  const given = Object.entries(shares).filter(([, share]) => share !== 0)
  const sum = given.reduce((total, [, share]) => total + share, 0)
  return [
    ...given.flatMap(([digest, share]) => [
      ...(Number.isInteger(share) && share > 0 ? [] : [`a share of ${share} is none; give whole percent`]),
      ...(takes(digest) ? [] : [`${digest} has no copy that could take calls; scale it first`]),
    ]),
    ...(sum === 100 ? [] : [`the shares are ${sum} together; give 100`]),
  ]
}
