/** Who reads a topic as a group, and which partition is whose: one record at the broker, that the group's members change in turn. */
export type GroupRecord = {
  readonly members: readonly { readonly id: string; readonly leaving?: boolean }[]
  readonly partitions: readonly Ownership[]
}

export type Ownership = {
  readonly owner?: string | undefined
  readonly epoch: number
  /** Members that did not know what comes next: the others are asked first. */
  readonly refused?: readonly string[] | undefined
}

/** Its revision grows with every change, and with that of every record before it that had its name. */
export type Revised = { readonly record: GroupRecord; readonly revision: number }

/** Where a group's record is kept. */
export type GroupRecords = {
  readonly read: () => Promise<Revised>
  /** Only when nobody has written since that revision. Answers the new one; undefined: somebody has. */
  readonly write: (record: GroupRecord, revision: number) => Promise<number | undefined>
}
