// SPDX-License-Identifier: MIT
// A line of text in a dialog.

const LENGTH_MAX = 200;

type FieldProps = { label: string; value: string; onText: (text: string) => void };

export function TextField({ label, value, onText }: FieldProps) {
  return (
    <label class="field">
      {label}
      <input
        maxLength={LENGTH_MAX}
        value={value}
        autocomplete="off"
        onInput={(event) => onText(event.currentTarget.value)}
      />
    </label>
  );
}
