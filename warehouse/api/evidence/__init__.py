"""Pictures that stations bring, and what people said of them; the protocol is ``agent.evidence.transfer``'s."""
