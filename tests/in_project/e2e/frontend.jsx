// What LiveKit's web starter does (livekit-examples/agent-starter-react, read): `useSession` with a token
// endpoint and the header X-Sandbox-Id, a view that replaces the welcome half a second after joining and only
// then listens to the transcript, and an end of the call when `useAgent` reports a failure.
// With ?patient, a failure does not end the call.
import {
  RoomAudioRenderer,
  SessionProvider,
  useAgent,
  useSession,
  useSessionContext,
  useSessionMessages,
} from '@livekit/components-react';
import { TokenSource } from 'livekit-client';
import { useEffect, useMemo, useState } from 'react';
import { createRoot } from 'react-dom/client';

const query = new URLSearchParams(location.search);
const ANIMATION_MS = 500;

function App() {
  const source = useMemo(
    () => TokenSource.endpoint(query.get('token'), { headers: { 'X-Sandbox-Id': '' } }),
    [],
  );
  const session = useSession(source);
  return (
    <SessionProvider session={session}>
      <EndOnFailure />
      <View />
      <RoomAudioRenderer />
    </SessionProvider>
  );
}

function EndOnFailure() {
  const agent = useAgent();
  const { isConnected, end } = useSessionContext();
  const [reasons, setReasons] = useState([]);
  useEffect(() => {
    if (!isConnected || agent.state !== 'failed') return;
    setReasons(agent.failureReasons);
    if (!query.has('patient')) end();
  }, [agent, isConnected, end]);
  return (
    <>
      <p role="status">{agent.state}</p>
      <p role="alert">{reasons.join(' ')}</p>
    </>
  );
}

function View() {
  const { isConnected, start } = useSessionContext();
  const [isShown, setIsShown] = useState(false);
  useEffect(() => {
    const fading = setTimeout(() => setIsShown(isConnected), ANIMATION_MS);
    return () => clearTimeout(fading);
  }, [isConnected]);
  return isShown ? <Transcript /> : <button onClick={() => start()}>Start call</button>;
}

function Transcript() {
  const { messages } = useSessionMessages();
  return <ol>{messages.map((message) => <li key={message.id}>{message.message}</li>)}</ol>;
}

createRoot(document.getElementById('root')).render(<App />);
