/** Shares that the keys of a service are divided into; the same for all of its copies and releases, for ever. */
export const SHARES = 64

/** Who has a share, and since which change of hands. */
export type Share = { readonly share: number; readonly epoch: number; readonly owner: string | undefined }

/** What a member is to do about shares, so that each member has about as many as any other and as few as may be change hands. */
export type Assignment = { readonly claim: readonly Share[]; readonly release: readonly number[] }

/**
 * Each member finds out for itself what is its own of what all of them see: a part of the shares that have no owner, or one that
 * is no member any more. Who has more than its part gives some back.
 * @param mine those that it has in hand, of the ones that are noted as its own
 * @param leaving those that it is giving back
 */
export function assignmentOf(options: {
  readonly shares: readonly Share[]
  readonly members: readonly string[]
  readonly me: string
  readonly mine: ReadonlySet<number>
  readonly leaving: ReadonlySet<number>
}): Assignment {
  const { shares, me, mine, leaving } = options
  const members = options.members.toSorted()
  const place = members.indexOf(me)
  if (place === -1) return { claim: [], release: [...mine] }
  const part = Math.floor(shares.length / members.length) + (place < shares.length % members.length ? 1 : 0)
  const had = shares.filter(({ share }) => mine.has(share))
  if (had.length > part) return { claim: [], release: had.slice(part).map(({ share }) => share) }
  const known = new Set(members)
  const isFree = ({ share, owner }: Share): boolean =>
    !mine.has(share) && !leaving.has(share) && (owner === undefined || owner === me || !known.has(owner))
  return { claim: shares.filter(isFree).slice(0, part - had.length), release: [] }
}
