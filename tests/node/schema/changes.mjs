// The changes since the last release. A breaking change must be listed as accepted, with a reason.

import { BreakingChangeType, DangerousChangeType, findBreakingChanges, findDangerousChanges } from 'graphql'
import { isInputObjectType } from 'graphql'

// Of the changes graphql-js calls dangerous, this one changes the meaning of an existing request. The others are
// additions that docs/schema.md requires every client to handle.
const ALSO_BREAKING = [DangerousChangeType.ARG_DEFAULT_VALUE_CHANGE]

// A new member of an enum or an interface, which a client may have listed exhaustively. The release notes mention it.
const NOTABLE = [DangerousChangeType.VALUE_ADDED_TO_ENUM, DangerousChangeType.IMPLEMENTED_INTERFACE_ADDED]

/** The changed defaults of input fields. graphql-js compares only the defaults of arguments. */
function changedDefaults(before, after) {
  const changes = []
  for (const type of Object.values(before.getTypeMap()).filter(isInputObjectType)) {
    const now = after.getType(type.name)
    if (!isInputObjectType(now)) continue
    for (const field of Object.values(type.getFields())) {
      const other = now.getFields()[field.name]
      if (other === undefined || JSON.stringify(field.defaultValue) === JSON.stringify(other.defaultValue)) continue
      const defaults = [field.defaultValue, other.defaultValue].map((value) => JSON.stringify(value) ?? 'nothing')
      const description = `${type.name}.${field.name} has changed defaultValue from ${defaults[0]} to ${defaults[1]}.`
      changes.push({ type: 'INPUT_FIELD_DEFAULT_VALUE_CHANGE', description })
    }
  }
  return changes
}

/** The breaking changes between two schemas, and the notable ones. */
export function compare(before, after) {
  const dangerous = findDangerousChanges(before, after)
  const breaking = [
    ...findBreakingChanges(before, after),
    ...dangerous.filter(({ type }) => ALSO_BREAKING.includes(type)),
    ...changedDefaults(before, after),
  ]
  return { breaking, notable: dangerous.filter(({ type }) => NOTABLE.includes(type)) }
}

const same = (one, other) => one.type === other.type && one.description === other.description

/** The faults of a set of breaking changes, given the accepted ones. One sentence each. */
export function faults(breaking, accepted) {
  const types = [...Object.values(BreakingChangeType), ...ALSO_BREAKING, 'INPUT_FIELD_DEFAULT_VALUE_CHANGE']
  const faults = []
  for (const change of breaking.filter((change) => !accepted.some((entry) => same(entry, change)))) {
    faults.push(`a breaking change is not accepted: ${change.type}: ${change.description}`)
  }
  for (const entry of accepted) {
    const name = `${entry.type}: ${entry.description}`
    if (!types.includes(entry.type)) faults.push(`not a type of breaking change: ${name}`)
    else if (!breaking.some((change) => same(entry, change))) faults.push(`accepted, but not found: ${name}`)
    if (typeof entry.reason !== 'string' || entry.reason.trim().length < 20) faults.push(`accepted without a reason: ${name}`)
  }
  return faults
}
