import { useState, type FormEvent } from 'react';
import { broadcast } from '../backend';

/** Sends a message to every dispatcher, this page included. */
export function TestBroadcast() {
  const [result, setResult] = useState('');
  const send = (event: FormEvent<HTMLFormElement>) => {
    event.preventDefault();
    const text = String(new FormData(event.currentTarget).get('text'));
    setResult('Sending …');
    broadcast(text).then(
      (cursor) => setResult(`Stored as ${cursor}`),
      (error: unknown) => setResult(`Not sent: ${error instanceof Error ? error.message : String(error)}`),
    );
  };
  return (
    <form className="broadcast" onSubmit={send}>
      <label htmlFor="broadcast-text">To all dispatchers</label>
      <input id="broadcast-text" name="text" defaultValue="This is a test" maxLength={200} required autoComplete="off" />
      <button type="submit">Send test broadcast</button>
      <output>{result}</output>
    </form>
  );
}
