import { spawnSync } from 'node:child_process'

/** What version control says of a folder: the labels of an image, and its time. */
export type GitOrigin = { readonly revision?: string; readonly created?: string; readonly source?: string }

/**
 * The commit that a folder is at, with `-dirty` where files are not as it has them; its time; and the repository's address, without
 * credentials. Nothing of it where there is no Git, or no repository.
 *
 * @example
 * ```ts
 * import { gitOrigin } from '@dure/deploy'
 *
 * console.log(gitOrigin('/')) // → {}
 * ```
 */
export function gitOrigin(folder: string): GitOrigin {
  const [revision, time] = git(folder, 'log', '-1', '--format=%H %cI')?.split(' ') ?? []
  if (revision === undefined || time === undefined) return {}
  const isClean = git(folder, 'status', '--porcelain', '--', '.') === ''
  const source = git(folder, 'remote', 'get-url', 'origin')
  return {
    ...{ revision: isClean ? revision : `${revision}-dirty`, created: new Date(time).toISOString() },
    ...(source !== undefined && { source: withoutCredentials(source) }),
  }
}

function git(folder: string, ...words: readonly string[]): string | undefined {
  const { status, stdout } = spawnSync('git', words, { cwd: folder, encoding: 'utf8', timeout: 10_000 })
  return status === 0 ? stdout.trim() : undefined
}

function withoutCredentials(address: string): string {
  if (!URL.canParse(address)) return address
  const url = new URL(address)
  url.username = ''
  url.password = ''
  return url.href
}
